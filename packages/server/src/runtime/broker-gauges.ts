import { Gauge } from "prom-client";
import type { BrokerConsumerName } from "../platform/broker/broker.ts";
import type { Platform } from "../platform/platform.ts";
import { inTime } from "./in-time.ts";

/** Kafka has them read to be counted; their alert looks at a quarter of an hour. */
const countedForMs = 60_000;

/** Registers how many messages of each consumer the broker keeps as dead letters; asked of the broker when metrics are collected. */
export function registerBrokerGauges({ broker, metrics, logger }: Platform, consumers: readonly BrokerConsumerName[]): void {
  let countedAt = Number.NEGATIVE_INFINITY;
  const gauge = new Gauge({
    name: "gatehouse_broker_dead_letters",
    help: "Messages from the broker that a consumer could not handle and put aside (S3 §16.4, dead letter queue growth)",
    labelNames: ["consumer"],
    registers: [metrics.registry],
    // What was counted last would look like a count of now.
    collect: inTime(count, () => gauge.reset()),
  });
  async function count(): Promise<void> {
    if (performance.now() - countedAt < countedForMs) return;
    countedAt = performance.now();
    for (const consumer of consumers) {
      try {
        gauge.set({ consumer: consumer.name }, await broker.deadLetters(consumer).count());
      } catch (error) {
        gauge.remove({ consumer: consumer.name });
        logger.warn({ err: error, consumer: consumer.name }, "dead letters could not be counted");
      }
    }
  }
}
