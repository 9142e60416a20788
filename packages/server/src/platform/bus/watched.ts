import type { Logger } from "pino";
import type { Watching } from "../database/watched.ts";
import type { LoggedEvent } from "../log/event.ts";
import { extract } from "../telemetry/tracing.ts";
import type { Bus, Consumer } from "./bus.ts";

/** Traces that a batch is for, of which more would only make it slow. */
const tracesMax = 20;

/**
 * A bus whose consumers are measured, and work in the traces of the commands whose events they handle (event
 * processing). Of a batch from several commands the first's trace has what is done below; the others have its length.
 */
export const watchedBus = (bus: Bus, watching: BusWatching): Bus => ({
  consume: (consumer) => bus.consume(watched(consumer, watching)),
  wake: () => bus.wake(),
  restart: () => bus.restart(),
  deadLetters: (consumer) => bus.deadLetters(consumer),
  ping: () => bus.ping(),
  close: () => bus.close(),
});

type BusWatching = Watching & { readonly logger: Logger };

function watched(consumer: Consumer, { metrics, tracer, logger }: BusWatching): Consumer {
  const { name } = consumer;
  for (const outcome of ["ok", "failed"]) metrics.consumerSeconds.begin(name, outcome);
  metrics.eventsHandled.inc({ consumer: name }, 0);
  const measured = async (events: readonly LoggedEvent[], work: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    const ended = (outcome: "ok" | "failed") => {
      const milliseconds = performance.now() - began;
      metrics.consumerSeconds.observe(name, outcome, milliseconds / 1_000);
      metrics.activity.background.note(outcome === "failed", milliseconds, events.length);
      return Math.round(milliseconds * 10) / 10;
    };
    const [parent = null, ...also] = tracesOf(events);
    // Who failed and why is told where it is decided whether it is tried again.
    const handled = async () => {
      await work();
      if (logger.isLevelEnabled("debug")) logger.debug(told(name, events, ended("ok")), `${name}: ok`);
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

/** Of a batch for several commands, whose traces are one line's. The first stands where a line's trace does. */
function told(consumer: string, events: readonly LoggedEvent[], durationMs: number): object {
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

/** The traces of the events, each once, in the order of the log. */
function tracesOf(events: readonly LoggedEvent[]): readonly string[] {
  const parents = new Set<string>();
  for (const { traceparent } of events) if (traceparent !== null && parents.size < tracesMax) parents.add(traceparent);
  return [...parents];
}
