import { sql } from "kysely";
import type { Logger } from "pino";
import type { ReadHandle, WriteHandle } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { rowsOf } from "../database/rows.ts";

/**
 * A ceiling on the rows that one removal run deletes. Rows with a retention of months become due day by day. If a tenth of them is due at
 * once, either the setting was lowered, or a clock is wrong. Then nothing is removed until an operator confirms it.
 */
export const retentionSteps: readonly SchemaStep[] = [
  {
    name: "0180_platform_stopped_removals",
    why: "removals of more rows than a correct clock and an unchanged setting explain wait for an operator's confirmation",
    async up(db) {
      await sql`create table stopped_removals (
        name text primary key,
        due bigint not null,
        ceiling bigint not null,
        stopped_at timestamptz not null,
        confirmed_until timestamptz
      )`.execute(db);
      await sharedTable(db, "stopped_removals");
    },
  },
];

/** The removals that have a ceiling. */
export const removalNames = ["audit.records", "decisions.recorded", "access.grants", "log.events"] as const;
export type RemovalName = (typeof removalNames)[number];

/** The share of the rows that one run may delete; with a retention of 30 days, one day's rows are a thirtieth. */
const shareMax = 0.1;
/** Rows that a run may always delete, because a small or new installation has few rows. */
const rowsAlwaysAllowed = 500;
/** How long a confirmation is valid: a confirmed removal may take many runs. */
const confirmedForHours = 24;

export const ceilingOf = (total: number): number => Math.max(rowsAlwaysAllowed, Math.ceil(total * shareMax));

export interface Removal {
  readonly name: RemovalName;
  /** How many rows the run would delete. */
  readonly due: number;
  /** The table of the rows. */
  readonly table: string;
}

/** Whether a run may remove the rows that are due. If not, records the removal as stopped; otherwise clears such a record. */
export async function mayRemove(tx: WriteHandle, { name, due, table }: Removal): Promise<boolean> {
  const ceiling = due <= rowsAlwaysAllowed ? rowsAlwaysAllowed : ceilingOf(await sizeOf(tx, table));
  if (due <= ceiling) {
    await sql`delete from stopped_removals where name = ${name} and (confirmed_until is null or confirmed_until < now())`.execute(tx);
    return true;
  }
  const { rows } = await sql<{ confirmed: boolean }>`
    insert into stopped_removals (name, due, ceiling, stopped_at) values (${name}, ${due}, ${ceiling}, now())
    on conflict (name) do update set due = excluded.due, ceiling = excluded.ceiling
    returning coalesce(confirmed_until > now(), false) as confirmed`.execute(tx);
  return rows[0]?.confirmed === true;
}

/** Logs for the operator that a run has removed nothing. */
export function reportStopped(logger: Logger, removal: RemovalName): void {
  logger.error({ removal }, "a removal is stopped: more rows are due at once than one run may take (gatehouse retention status)");
}

/** A table's number of rows: PostgreSQL's estimate, or a count if there is none. */
async function sizeOf(tx: WriteHandle, table: string): Promise<number> {
  const { rows } = await sql<{ rows: string }>`
    select greatest(reltuples, pg_stat_get_live_tuples(oid))::bigint::text as rows from pg_class
    where oid = to_regclass(${table})`.execute(tx);
  const estimate = Number(rows[0]?.rows ?? 0);
  if (estimate > 0) return estimate;
  const counted = await sql<{ rows: string }>`select count(*)::text as rows from ${sql.table(table)}`.execute(tx);
  return Number(counted.rows[0]?.rows ?? 0);
}

export interface StoppedRemoval {
  readonly name: string;
  readonly due: number;
  readonly ceiling: number;
  readonly stoppedAt: Date;
  /** Until when it may continue; null if it waits for an operator. */
  readonly confirmedUntil: Date | null;
}

export async function stoppedRemovals(db: ReadHandle): Promise<readonly StoppedRemoval[]> {
  const rows = await rowsOf(
    db,
    sql<{ name: string; due: string; ceiling: string; stopped_at: Date; confirmed_until: Date | null }>`
    select name, due::text, ceiling::text, stopped_at, case when confirmed_until > now() then confirmed_until end as confirmed_until
    from stopped_removals order by name`,
  );
  return rows.map(({ name, due, ceiling, stopped_at, confirmed_until }) => ({
    name,
    due: Number(due),
    ceiling: Number(ceiling),
    stoppedAt: stopped_at,
    confirmedUntil: confirmed_until,
  }));
}

/** Allows a stopped removal for a day. False if no removal of that name is stopped. */
export async function confirmRemoval(tx: WriteHandle, name: string): Promise<boolean> {
  const { numAffectedRows } = await sql`update stopped_removals set confirmed_until = now() + make_interval(hours => ${confirmedForHours})
    where name = ${name}`.execute(tx);
  return numAffectedRows === 1n;
}
