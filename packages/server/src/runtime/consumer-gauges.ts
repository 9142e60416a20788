import { sql } from "kysely";
import type { TableGauge } from "../operation/module.ts";
import type { Consumer } from "../platform/bus/bus.ts";
import type { ReadHandle } from "../platform/database/database.ts";
import type { Platform } from "../platform/platform.ts";
import { registerTableGauge } from "./gauges.ts";

/** Shorter than a scrape usually is: lag is looked at to see whether it grows. */
const keptForMs = 5_000;
/** More than this is far behind, however much it is; counting on would only make the database slower. */
const eventsMax = 10_000;

/**
 * Registers how far each consumer is behind the log. An eager one does not keep its place exactly, so it is not among
 * them; what it lacks is `gatehouse_read_model_pending_events`.
 */
export function registerConsumerGauges(platform: Platform, consumers: readonly Consumer[]): void {
  const inOrder = consumers.filter(({ eager }) => !eager);
  const gauge = (name: string, help: string, value: (lag: Lag) => number): TableGauge => ({
    name,
    help,
    label: "consumer",
    read: async (db) => Promise.all(inOrder.map(async (consumer) => ({ label: consumer.name, value: value(await lagOf(db, consumer)) }))),
  });
  const ofSource = "S0, consumer lag";
  const behind = `Events in the log that a consumer has not handled yet, ${eventsMax} at most (${ofSource})`;
  const age = `Age of the oldest event that a consumer has not handled yet, 0 where there is none (${ofSource})`;
  registerTableGauge(
    gauge("gatehouse_consumer_lag_events", behind, ({ events }) => events),
    platform,
    keptForMs,
  );
  registerTableGauge(
    gauge("gatehouse_consumer_lag_seconds", age, ({ seconds }) => seconds),
    platform,
    keptForMs,
  );
}

interface Lag {
  readonly events: number;
  readonly seconds: number;
}

export async function lagOf(db: ReadHandle, { name, types }: Consumer): Promise<Lag> {
  const { rows } = await sql<{ events: string; seconds: string | null }>`
    select count(*) as events, extract(epoch from now() - min(occurred_at)) as seconds from (
      select e.occurred_at from events e, consumers c
      where c.name = ${name} and (e.transaction, e.sequence) > (c.transaction, c.sequence) and e.type = any(${[...types]}::text[])
      limit ${eventsMax}
    ) behind`.execute(db as never);
  return { events: Number(rows[0]?.events ?? 0), seconds: Math.max(0, Number(rows[0]?.seconds ?? 0)) };
}
