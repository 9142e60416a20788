import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { Activity } from "./activity.ts";
import { HotCounter, HotHistogram } from "./hot-metrics.ts";

/** Buckets around the latencies that are targets (20 ms, 50 ms, 200 ms, 500 ms, 1 s), in seconds. */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/**
 * Metrics of the process itself: memory, event loop and garbage collection. They are collected once, because prom-client's timer and
 * observer cannot be stopped: with the registry of each server they would keep every closed server in memory.
 */
let processMetrics: Registry | undefined;

function registerProcessMetrics(registry: Registry): void {
  if (processMetrics === undefined) {
    processMetrics = new Registry();
    collectDefaultMetrics({ register: processMetrics });
  }
  for (const { name } of processMetrics.getMetricsAsArray()) {
    const metric = processMetrics.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
}

/** Creates all metrics of the product, in one file, so that names are unique and documented. */
export function createMetrics() {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const registers = [registry];
  const authorization = new Activity();
  /** Projection entries that decisions took from this process's cache: a plain number, because there are tens of thousands per second. */
  const projectionHits = { count: 0 };
  return {
    registry,
    /** The last minute of each role, for health probes. */
    activity: { query: new Activity(), command: new Activity(), background: new Activity(), authorization },
    operationSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_operation_duration_seconds",
        help: "Duration of an operation, by its kind (query, command), name and outcome (an error's code, fault, or ok)",
        labels: ["operation", "outcome"],
        labelsOf: (measured) => {
          const [kind = "", operation = ""] = measured.split(" ");
          return { kind, operation };
        },
      },
      latencyBuckets,
    ),
    httpSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_http_request_duration_seconds",
        help: "Duration of a request after its body was received, by method, route and status (response time and request rate)",
        labels: ["route", "status"],
        labelsOf: (address) => {
          const [method = "", route = ""] = address.split(" ");
          return { method, route };
        },
      },
      latencyBuckets,
    ),
    rpcSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_rpc_seconds",
        help: "Duration of a call between roles for the caller, by operation and outcome (an error's code, fault, or ok)",
        labels: ["operation", "outcome"],
      },
      latencyBuckets,
    ),
    deprecatedCalls: new Counter({
      name: "gatehouse_deprecated_calls_total",
      help: "Calls of deprecated operations, by operation and kind of principal; 0 without calls",
      labelNames: ["operation", "principal"] as const,
      registers,
    }),
    httpInFlight: new Gauge({
      name: "gatehouse_http_requests_in_flight",
      help: "Requests in progress",
      registers,
    }),
    transactionSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_database_transaction_seconds",
        help: "Duration of a transaction including the work in it, by access (read, write) and outcome",
        labels: ["access", "outcome"],
      },
      latencyBuckets,
    ),
    consumerSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_consumer_duration_seconds",
        help: "Duration of a consumer's batch of events, by outcome (event processing latency)",
        labels: ["consumer", "outcome"],
      },
      latencyBuckets,
    ),
    eventDelaySeconds: new Histogram({
      name: "gatehouse_event_delay_seconds",
      help: "Time from an event until a consumer has handled it (event processing latency)",
      labelNames: ["consumer"] as const,
      buckets: [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    jobSeconds: new HotHistogram(
      registry,
      {
        name: "gatehouse_job_duration_seconds",
        help: "Duration of an attempt of a job, by outcome (scheduled task execution time and success)",
        labels: ["task", "outcome"],
      },
      [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120],
    ),
    decisions: new HotCounter(registry, {
      name: "gatehouse_authorization_decisions_total",
      help: "Authorization decisions, by answer and reason",
      labels: ["allowed", "reason"],
      activity: authorization,
    }),
    projectionHits,
    projectionLookups: new Counter({
      name: "gatehouse_projection_lookups_total",
      help: "Look-ups of projection entries, by where they were found: memory, cache, database, computed from the tables, or missing (cache hit rate)",
      labelNames: ["found"] as const,
      registers,
      collect() {
        this.inc({ found: "memory" }, projectionHits.count);
        projectionHits.count = 0;
      },
    }),
    logRestarts: new Counter({
      name: "gatehouse_log_restarts_total",
      help: "How often this process discarded everything that it had read, because the database may have lost transactions (decision 0035)",
      registers,
    }),
    replicaReads: new Counter({
      name: "gatehouse_replica_reads_total",
      help: "Queries for the read replica, by outcome: answered, or answered by the primary because the replica was behind, unavailable, or failed (including not found)",
      labelNames: ["outcome"] as const,
      registers,
    }),
    decisionsNotKept: new Counter({
      name: "gatehouse_decisions_not_kept_total",
      help: "Decisions that were not stored for previews: too many, too large, or the database was unavailable",
      registers,
    }),
    revocationSeconds: new Histogram({
      name: "gatehouse_revocation_delay_seconds",
      help: "Time from a change of rights until this process applies it; the published bound is one second",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
      registers,
    }),
    signIns: new Counter({
      name: "gatehouse_sign_ins_total",
      help: "Sign-ins by result: ok, or the reason of the rejection",
      labelNames: ["result"] as const,
      registers,
    }),
    tokensIssued: new Counter({
      name: "gatehouse_tokens_issued_total",
      help: "Access tokens that were issued, by kind: session, client, impersonation, delegation",
      labelNames: ["kind"] as const,
      registers,
    }),
    tokenRefreshes: new Counter({
      name: "gatehouse_token_refreshes_total",
      help: "Refresh tokens that were used: ok, repeated within the grace time, or replayed, which ends the session",
      labelNames: ["result"] as const,
      registers,
    }),
    mailsLimited: new Counter({
      name: "gatehouse_mails_limited_total",
      help: "Mails that were not sent because of a limit per recipient or sender, by kind",
      labelNames: ["kind"] as const,
      registers,
    }),
    eventsAppended: new Counter({
      name: "gatehouse_events_appended_total",
      help: "Events that were appended to the log, by type (event publication rate)",
      labelNames: ["type"] as const,
      registers,
    }),
    eventsHandled: new Counter({
      name: "gatehouse_events_handled_total",
      help: "Events that a consumer has handled (event processing rate)",
      labelNames: ["consumer"] as const,
      registers,
    }),
    brokerPassedOver: new Counter({
      name: "gatehouse_broker_passed_over_total",
      help: "Events from the broker on a consumer's topic or queue whose type it does not consume",
      labelNames: ["consumer"] as const,
      registers,
    }),
    dependencyCalls: new Counter({
      name: "gatehouse_dependency_calls_total",
      help: "Guarded calls to a dependency, by policy and outcome: ok, failed, timeout, circuit_open, refused, answered_error",
      labelNames: ["dependency", "outcome"] as const,
      registers,
    }),
    circuitOpen: new Gauge({
      name: "gatehouse_circuit_open",
      help: "1 while a dependency's circuit is open or half-open",
      labelNames: ["dependency"] as const,
      registers,
    }),
    bulkheadInUse: new Gauge({
      name: "gatehouse_bulkhead_in_use",
      help: "Permits of a bulkhead in use",
      labelNames: ["name"] as const,
      registers,
    }),
    bulkheadRefused: new Counter({
      name: "gatehouse_bulkhead_refused_total",
      help: "Calls that were rejected because a bulkhead was full",
      labelNames: ["name"] as const,
      registers,
    }),
    leaseAgeSeconds: new Gauge({
      name: "gatehouse_lease_age_seconds",
      help: "Seconds since the caches were last known to be as current as the database, because the log was observed or no process can write to it",
      registers,
    }),
    withoutDatabase: new Gauge({
      name: "gatehouse_deciding_without_database",
      help: "1 while this process answers checks although the database is unavailable (GATEHOUSE_DATABASE_AWAY_SECONDS)",
      registers,
    }),
    snapshotGenerations: new Counter({
      name: "gatehouse_snapshot_generations_total",
      help: "How often this process began a new generation of the Redis snapshot, because it was empty, old, or had missed a write",
      registers,
    }),
    distrusted: new Counter({
      name: "gatehouse_distrusted_total",
      help: "Rejected messages on NATS and values in Redis: not written by this installation, expired or replayed",
      labelNames: ["channel", "kind", "reason"] as const,
      registers,
    }),
    relayPublished: new Counter({
      name: "gatehouse_relay_published_total",
      help: "Events that were published to the broker and confirmed (event publication rate)",
      registers,
    }),
    relayFailures: new Counter({
      name: "gatehouse_relay_failures_total",
      help: "Batches that the broker did not confirm; their events wait in the log and are published again",
      registers,
    }),
    relayLeader: new Gauge({
      name: "gatehouse_relay_leader",
      help: "1 in the process that holds the relay's lease and publishes to the broker, 0 in the others",
      registers,
    }),
    billingDifferences: new Counter({
      name: "gatehouse_billing_differences_total",
      help: "Organizations that differed from billing at a reconciliation: mended, or refused because too many would have lost entitlements",
      labelNames: ["outcome"] as const,
      registers,
    }),
    billingReconciliations: new Counter({
      name: "gatehouse_billing_reconciliations_total",
      help: "Reconciliations with billing: done, refused in part, or failed because billing did not answer",
      labelNames: ["outcome"] as const,
      registers,
    }),
    billingDeletions: new Counter({
      name: "gatehouse_billing_deletions_total",
      help: "Deletions requested by billing, by their outcome when due: erased, withdrawn by billing, or stopped because there were too many",
      labelNames: ["outcome"] as const,
      registers,
    }),
    auditRecords: new Counter({
      name: "gatehouse_audit_records_total",
      help: "Records appended to the audit chains; the actions of applications are counted as one",
      labelNames: ["category", "severity", "result", "action"] as const,
      registers,
    }),
    auditEntriesLost: new Counter({
      name: "gatehouse_audit_entries_lost_total",
      help: "Audit entries of rejected calls and reads that were lost, under overload or while the database was unavailable",
      labelNames: ["why"] as const,
      registers,
    }),
    clockSkewSeconds: new Gauge({
      name: "gatehouse_clock_skew_seconds",
      help: "How far this machine's clock is ahead of the database's (negative: behind); beyond two minutes the process accepts no requests and no jobs",
      registers,
    }),
    logAgeSeconds: new Gauge({
      name: "gatehouse_log_age_seconds",
      help: "Seconds since this process last observed the log's head; caches are not trusted above half the revocation bound",
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
