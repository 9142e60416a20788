import type { TableGauge } from "#operation/declaration/module.ts";
import type { ReadHandle } from "#platform/database/database.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { consumersOfLog } from "#platform/log/consumers/consumer-position.ts";
import { type Lag, lagBehind } from "#platform/log/lag.ts";
import type { Platform } from "#platform/platform.ts";
import { readOnce, registerTableGauge } from "./gauges.ts";

/** Shorter than a scrape usually is: lag is looked at to see whether it grows. */
const keptForMs = 5_000;
/** More than this is far behind, however much it is; counting on would only make the database slower. */
const eventsMax = 10_000;
/** Events that are read to find a consumer's own among them: some 50 ms for one that stands still. */
const rowsMax = 100_000;

/** The projector's lag: an eager consumer does not keep its place exactly, so the readers tell what it has not handled yet. */
export interface ProjectionLag {
  readonly behind: number;
  readonly behindSeconds: number;
}

/** Registers how far each consumer is behind the log. */
export function registerConsumerGauges(platform: Platform, consumers: readonly Consumer[], projection: ProjectionLag): void {
  const inOrder = consumers.filter(({ eager }) => !eager);
  const eager = consumers.filter(({ eager }) => eager);
  const lags = readOnce(keptForMs, async (db) => [
    ...(await lagsOf(db, inOrder)),
    ...eager.map(({ name }) => ({ consumer: name, lag: { events: projection.behind, seconds: projection.behindSeconds } })),
  ]);
  const gauge = (name: string, help: string, value: (lag: Lag) => number): TableGauge => ({
    name,
    help,
    label: "consumer",
    read: async (db) => (await lags(db)).map(({ consumer, lag }) => ({ label: consumer, value: value(lag) })),
  });
  const ofSource = "S0, consumer lag";
  const behind = `Events in the log that a consumer has not handled yet, ${eventsMax} at most (${ofSource})`;
  const age = `Age of the oldest event that a consumer has not handled yet, 0 where there is none (${ofSource})`;
  registerTableGauge(
    gauge("gatehouse_consumer_lag_events", behind, ({ events }) => Math.min(events, eventsMax)),
    platform,
    keptForMs,
  );
  registerTableGauge(
    gauge("gatehouse_consumer_lag_seconds", age, ({ seconds }) => seconds),
    platform,
    keptForMs,
  );
}

/** How far each of the consumers is behind. */
export async function lagsOf(
  db: ReadHandle,
  consumers: readonly Consumer[],
): Promise<readonly { readonly consumer: string; readonly lag: Lag }[]> {
  const positions = new Map((await consumersOfLog.positions(db)).map((position) => [position.name, position]));
  const lags: { consumer: string; lag: Lag }[] = [];
  for (const { name, types } of consumers) {
    const place = positions.get(name);
    // One that has no place has not begun, and begins at the beginning of the log as soon as it does.
    const lag = place === undefined ? { events: 0, seconds: 0 } : await lagBehind(db, place, { rowsMax, types });
    lags.push({ consumer: name, lag });
  }
  return lags;
}
