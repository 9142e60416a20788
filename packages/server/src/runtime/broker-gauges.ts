import { Gauge } from "prom-client";
import type { BrokerConsumerName, BrokerSubscription } from "#platform/broker/broker.ts";
import type { Platform } from "#platform/platform.ts";
import { boundScrape } from "./scrape-limit.ts";

/** Counting dead letters in Kafka reads them; their alert covers 15 minutes. */
const cacheTtlMs = 60_000;

/** A broker consumer that runs in this process. */
export interface RunningConsumer {
  readonly consumer: BrokerConsumerName;
  readonly subscription: Pick<BrokerSubscription, "waiting">;
}

/** Registers the gauges of each consumer's messages in the broker. A scrape reads them from the broker. */
export function registerBrokerGauges(platform: Platform, running: readonly RunningConsumer[]): void {
  registerBrokerGauge(platform, running, {
    name: "gatehouse_broker_dead_letters",
    help: "Messages from the broker that a consumer could not handle and that are dead letters (dead letter queue growth)",
    count: ({ consumer }) => platform.broker.deadLetters(consumer).count(),
    cacheTtlMs,
  });
  registerBrokerGauge(platform, running, {
    name: "gatehouse_broker_waiting_messages",
    help: "Messages in the broker that a consumer has not handled yet; absent while the consumer is not connected",
    count: ({ subscription }) => subscription.waiting(),
    cacheTtlMs: 0,
  });
}

interface BrokerGauge {
  readonly name: string;
  readonly help: string;
  /** Undefined where the count is unknown. */
  count(running: RunningConsumer): Promise<number | undefined>;
  /** How long a count is reused. */
  readonly cacheTtlMs: number;
}

function registerBrokerGauge({ metrics, logger }: Platform, running: readonly RunningConsumer[], declared: BrokerGauge): void {
  const { name, help } = declared;
  let countedAt = Number.NEGATIVE_INFINITY;
  const gauge = new Gauge({
    name,
    help,
    labelNames: ["consumer"],
    registers: [metrics.registry],
    // A stale count would look like a current one.
    collect: boundScrape(count, () => gauge.reset()),
  });
  async function count(): Promise<void> {
    if (performance.now() - countedAt < declared.cacheTtlMs) return;
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
