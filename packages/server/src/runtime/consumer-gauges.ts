import type { TableGauge } from "#operation/declaration/module.ts";
import type { ReadHandle } from "#platform/database/database.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { consumersOfLog } from "#platform/log/consumers/consumer-position.ts";
import { type Lag, lagBehind } from "#platform/log/lag.ts";
import type { Platform } from "#platform/platform.ts";
import { cachedRead, registerTableGauge } from "./gauges.ts";

/** Shorter than the usual scrape interval, so that each scrape shows whether the lag grows. */
const cacheTtlMs = 5_000;
/** Above this the exact lag does not matter, and counting it would load the database. */
const eventsMax = 10_000;
/** Most events to scan for those of one consumer: some 50 ms for a stalled one. */
const rowsMax = 100_000;

/** The projector's lag. An eager consumer does not store its exact position, so the readers count the events that it has not handled. */
export interface ProjectionLag {
  readonly behind: number;
  readonly behindSeconds: number;
}

/** Registers how far each consumer is behind the log. */
export function registerConsumerGauges(platform: Platform, consumers: readonly Consumer[], projection: ProjectionLag): void {
  const inOrder = consumers.filter(({ eager }) => !eager);
  const eager = consumers.filter(({ eager }) => eager);
  const lags = cachedRead(cacheTtlMs, async (db) => [
    ...(await lagsOf(db, inOrder)),
    ...eager.map(({ name }) => ({ consumer: name, lag: { events: projection.behind, seconds: projection.behindSeconds } })),
  ]);
  const gauge = (name: string, help: string, value: (lag: Lag) => number): TableGauge => ({
    name,
    help,
    label: "consumer",
    read: async (db) => (await lags(db)).map(({ consumer, lag }) => ({ label: consumer, value: value(lag) })),
  });
  const indicator = "consumer lag";
  const behind = `Events in the log that a consumer has not handled yet, ${eventsMax} at most (${indicator})`;
  const age = `Age of the oldest event that a consumer has not handled yet, 0 where there is none (${indicator})`;
  registerTableGauge(
    gauge("gatehouse_consumer_lag_events", behind, ({ events }) => Math.min(events, eventsMax)),
    platform,
    cacheTtlMs,
  );
  registerTableGauge(
    gauge("gatehouse_consumer_lag_seconds", age, ({ seconds }) => seconds),
    platform,
    cacheTtlMs,
  );
}

/** The lag of each consumer. */
export async function lagsOf(
  db: ReadHandle,
  consumers: readonly Consumer[],
): Promise<readonly { readonly consumer: string; readonly lag: Lag }[]> {
  const positions = new Map((await consumersOfLog.positions(db)).map((position) => [position.name, position]));
  const lags: { consumer: string; lag: Lag }[] = [];
  for (const { name, types } of consumers) {
    const position = positions.get(name);
    // A consumer without a position has not started; it will start at the beginning of the log.
    const lag = position === undefined ? { events: 0, seconds: 0 } : await lagBehind(db, position, { rowsMax, types });
    lags.push({ consumer: name, lag });
  }
  return lags;
}
