import type { Logger } from "pino";
import type { Instrumentation } from "../../database/instrumented.ts";
import { extract } from "../../telemetry/tracing.ts";
import type { LoggedEvent } from "../event.ts";
import type { Consumer } from "./consumer.ts";

/** The maximum number of traces that a batch is linked to; more would make it slow. */
const tracesMax = 20;

/**
 * A consumer that is measured, and works in the traces of the commands whose events it handles. For a batch from several
 * commands, nested spans are in the first command's trace; the other traces only get the duration.
 */
export function instrumentedConsumer(
  consumer: Consumer,
  { metrics, tracer, logger }: Instrumentation & { readonly logger: Logger },
): Consumer {
  const { name } = consumer;
  for (const outcome of ["ok", "failed"]) metrics.consumerSeconds.begin(name, outcome);
  metrics.eventsHandled.inc({ consumer: name }, 0);
  const measured = async (events: readonly LoggedEvent[], work: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    const ended = (outcome: "ok" | "failed") => {
      const milliseconds = performance.now() - began;
      metrics.consumerSeconds.observe(name, outcome, milliseconds / 1_000);
      metrics.activity.background.record(outcome === "failed", milliseconds, events.length);
      return Math.round(milliseconds * 10) / 10;
    };
    const [parent = null, ...also] = tracesOf(events);
    // The consumer loop logs failures, because it decides about retries.
    const handled = async () => {
      await work();
      if (logger.isLevelEnabled("debug")) logger.debug(logFieldsOf(name, events, ended("ok")), `${name}: ok`);
      else ended("ok");
    };
    const attributes = {
      "gatehouse.module": "background",
      "gatehouse.operation": name,
      "messaging.operation.type": "process",
      "messaging.destination.name": "events",
      "messaging.batch.message_count": events.length,
    };
    try {
      await tracer.span(`process ${name}`, { kind: "consumer", parent, also, attributes }, handled);
    } catch (error) {
      ended("failed");
      throw error;
    }
  };
  return {
    ...consumer,
    handle: (events, tx) => measured(events, () => consumer.handle(events, tx)),
    async committed(events) {
      metrics.eventsHandled.inc({ consumer: name }, events.length);
      const now = Date.now();
      for (const event of events)
        metrics.eventDelaySeconds.observe({ consumer: name }, Math.max(0, now - event.occurredAt.getTime()) / 1_000);
      await consumer.committed?.(events);
    },
  };
}

/** A batch for several commands has several traces; the first is the trace of the log line. */
function logFieldsOf(consumer: string, events: readonly LoggedEvent[], durationMs: number): object {
  const traces = tracesOf(events).flatMap((parent) => extract(parent)?.traceId ?? []);
  const [traceId, ...alsoTraces] = traces;
  return {
    ...(traceId === undefined ? {} : { traceId }),
    ...(alsoTraces.length === 0 ? {} : { alsoTraces }),
    consumer,
    events: events.map(({ type }) => type),
    durationMs,
  };
}

/** The distinct traces of the events, in log order. */
function tracesOf(events: readonly LoggedEvent[]): readonly string[] {
  const parents = new Set<string>();
  for (const { traceparent } of events) if (traceparent !== null && parents.size < tracesMax) parents.add(traceparent);
  return [...parents];
}
