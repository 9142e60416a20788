import { Gauge } from "prom-client";
import type { BrokerConsumerName, BrokerSubscription } from "#platform/broker/broker.ts";
import type { Platform } from "#platform/platform.ts";
import { inTime } from "./in-time.ts";

/** Kafka has dead letters read to be counted; their alert looks at a quarter of an hour. */
const countedForMs = 60_000;

/** A consumer of the broker, as this process runs it. */
export interface RunningConsumer {
  readonly consumer: BrokerConsumerName;
  readonly subscription: Pick<BrokerSubscription, "waiting">;
}

/** Registers what the broker keeps for each consumer; it is asked when metrics are collected. */
export function registerBrokerGauges(platform: Platform, running: readonly RunningConsumer[]): void {
  registerBrokerGauge(platform, running, {
    name: "gatehouse_broker_dead_letters",
    help: "Messages from the broker that a consumer could not handle and put aside (dead letter queue growth)",
    count: ({ consumer }) => platform.broker.deadLetters(consumer).count(),
    countedForMs,
  });
  registerBrokerGauge(platform, running, {
    name: "gatehouse_broker_waiting_messages",
    help: "Messages that the broker keeps for a consumer and that are not handled yet; absent while the consumer is not connected",
    count: ({ subscription }) => subscription.waiting(),
    countedForMs: 0,
  });
}

interface BrokerGauge {
  readonly name: string;
  readonly help: string;
  /** Undefined where it cannot be said. */
  count(running: RunningConsumer): Promise<number | undefined>;
  /** How long a count serves every collection. */
  readonly countedForMs: number;
}

function registerBrokerGauge({ metrics, logger }: Platform, running: readonly RunningConsumer[], declared: BrokerGauge): void {
  const { name, help } = declared;
  let countedAt = Number.NEGATIVE_INFINITY;
  const gauge = new Gauge({
    name,
    help,
    labelNames: ["consumer"],
    registers: [metrics.registry],
    // What was counted last would look like a count of now.
    collect: inTime(count, () => gauge.reset()),
  });
  async function count(): Promise<void> {
    if (performance.now() - countedAt < declared.countedForMs) return;
    countedAt = performance.now();
    for (const each of running) {
      const label = { consumer: each.consumer.name };
      const counted = await declared.count(each).catch((error) => {
        logger.warn({ err: error, metric: name, ...label }, "the broker's messages could not be counted");
        return undefined;
      });
      if (counted === undefined) gauge.remove(label);
      else gauge.set(label, counted);
    }
  }
}
