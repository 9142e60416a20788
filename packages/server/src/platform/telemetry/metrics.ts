import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { HotCounter, HotHistogram } from "./hot-metrics.ts";

/** Buckets around the latencies that S3 §24 asks for (20 ms, 50 ms, 200 ms, 500 ms, 1 s), in seconds. */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Every metric of the product, in one place, so that a name is used once and has its help beside it. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    operationSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_operation_duration_seconds",
        help: "How long an operation took, by its name and outcome (an error's code, or ok)",
        labels: ["operation", "outcome"],
      },
      latencyBuckets,
    ),
    decisions: new HotCounter(registry, {
      name: "gatehouse_authorization_decisions_total",
      help: "Authorization decisions, by answer and reason (S3 §16.1)",
      labels: ["allowed", "reason"],
    }),
    readModelLookups: new Counter({
      name: "gatehouse_read_model_lookups_total",
      help: "Where a part of the access read model was found: memory, cache, database or missing (S3 §16.1, cache hit rate)",
      labelNames: ["found"] as const,
      registers,
    }),
    decisionsNotKept: new Counter({
      name: "gatehouse_decisions_not_kept_total",
      help: "Decided questions that were not kept for previews: too many, too large, or the database was away",
      registers,
    }),
    revocationSeconds: new Histogram({
      name: "gatehouse_revocation_delay_seconds",
      help: "From a change of rights until this process no longer decides without it; the published bound is one second",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
      registers,
    }),
    signIns: new Counter({
      name: "gatehouse_sign_ins_total",
      help: "Sign-ins by result: ok, or the reason of the refusal (S3 §16.1)",
      labelNames: ["result"] as const,
      registers,
    }),
    eventsAppended: new Counter({
      name: "gatehouse_events_appended_total",
      help: "Events that were appended to the log, by type (S3 §16.1, event publication rate)",
      labelNames: ["type"] as const,
      registers,
    }),
    eventsHandled: new Counter({
      name: "gatehouse_events_handled_total",
      help: "Events that a consumer has handled (S3 §16.1, event processing rate)",
      labelNames: ["consumer"] as const,
      registers,
    }),
    logAgeSeconds: new Gauge({
      name: "gatehouse_log_age_seconds",
      help: "Seconds since this process last heard the log's head; memory is not trusted above half the revocation bound",
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
