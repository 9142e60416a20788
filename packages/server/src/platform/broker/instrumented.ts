import { isUnavailable } from "../database/driver-errors.ts";
import type { Instrumentation } from "../database/instrumented.ts";
import { countedCalls, type Resilience } from "../resilience/resilience.ts";
import type { Broker, BrokerConsumer, BrokerMessage } from "./broker.ts";

/** The maximum number of traces that a batch is linked to; more would make it slow. */
const tracesMax = 20;

/**
 * A broker whose publishing is a span in the traces of the commands that caused the events, and whose consumers are measured and continue
 * the trace of a message. For a batch from several commands, nested spans are in the first command's trace.
 */
export function instrumentedBroker(broker: Broker, instrumentation: Instrumentation & { readonly resilience: Resilience }): Broker {
  const counted = countedCalls("broker.publish", instrumentation.metrics);
  const guard = instrumentation.resilience.guard("broker.dead-letters", "broker", isUnavailable);
  const publish = instrumentation.tracer.on
    ? (messages: readonly BrokerMessage[]) => published(broker, messages, instrumentation)
    : (messages: readonly BrokerMessage[]) => broker.publish(messages);
  return {
    kind: broker.kind,
    publish: (messages) => counted(() => publish(messages)),
    consume(consumer) {
      const subscription = broker.consume(instrumented(consumer, broker.kind, instrumentation));
      return { ...subscription, waiting: () => guard(() => subscription.waiting()) };
    },
    deadLetters(consumer) {
      const letters = broker.deadLetters(consumer);
      return {
        list: (page) => guard(() => letters.list(page)),
        count: () => guard(() => letters.count()),
        redrive: (id) => guard(() => letters.redrive(id)),
        drop: (id) => guard(() => letters.drop(id)),
        // Not guarded by a time limit: it takes as long as there are letters.
        redriveAll: () => letters.redriveAll(),
      };
    },
    ping: () => broker.ping(),
    prepare: (exchange) => broker.prepare(exchange),
    refusal: () => broker.refusal(),
    inspect: (needs) => broker.inspect(needs),
    close: () => broker.close(),
    abandon: () => broker.abandon(),
  };
}

function published(broker: Broker, messages: readonly BrokerMessage[], { tracer }: Instrumentation): Promise<void> {
  const [parent = null, ...also] = tracesOf(messages);
  const destination = messages[0]?.exchange ?? "";
  const attributes = {
    "gatehouse.module": "background",
    "messaging.system": broker.kind,
    "messaging.operation.type": "send",
    "messaging.destination.name": destination,
    "messaging.batch.message_count": messages.length,
  };
  return tracer.span(`publish ${destination}`, { kind: "producer", parent, also, attributes }, () => broker.publish(messages));
}

function instrumented(consumer: BrokerConsumer, system: string, { metrics, tracer }: Instrumentation): BrokerConsumer {
  const { name, exchange } = consumer;
  for (const outcome of ["ok", "failed"]) metrics.consumerSeconds.begin(name, outcome);
  metrics.eventsHandled.inc({ consumer: name }, 0);
  const attributes = {
    "gatehouse.module": "background",
    "gatehouse.operation": name,
    "messaging.system": system,
    "messaging.operation.type": "process",
    "messaging.destination.name": exchange,
  };
  return {
    ...consumer,
    onSkipped: () => metrics.brokerPassedOver.inc({ consumer: name }),
    async handle(received) {
      const began = performance.now();
      const ended = (outcome: "ok" | "failed") => {
        const milliseconds = performance.now() - began;
        metrics.consumerSeconds.observe(name, outcome, milliseconds / 1_000);
        metrics.activity.background.record(outcome === "failed", milliseconds);
      };
      const options = { kind: "consumer", parent: received.event.traceparent, attributes } as const;
      try {
        await tracer.span(`process ${name}`, options, () => consumer.handle(received));
        ended("ok");
        metrics.eventsHandled.inc({ consumer: name });
        const happenedAt = Date.parse(received.event.time ?? "");
        if (!Number.isNaN(happenedAt)) metrics.eventDelaySeconds.observe({ consumer: name }, Math.max(0, Date.now() - happenedAt) / 1_000);
      } catch (error) {
        ended("failed");
        throw error;
      }
    },
  };
}

/** The distinct traces of the events, in order. */
function tracesOf(messages: readonly BrokerMessage[]): readonly string[] {
  const parents = new Set<string>();
  for (const { event } of messages) if (event.traceparent !== undefined && parents.size < tracesMax) parents.add(event.traceparent);
  return [...parents];
}
