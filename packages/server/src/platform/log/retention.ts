import { type RawBuilder, sql } from "kysely";
import { type Database, everyTenant, type ReadHandle, type WriteHandle } from "../database/database.ts";
import type { SchemaStep } from "../database/migrations.ts";
import { sharedTable } from "../database/migrations.ts";
import { mayRemove } from "../retention/ceiling.ts";
import type { Position } from "./event.ts";

export const retentionSteps: readonly SchemaStep[] = [
  {
    name: "0088_log_retention",
    why: "events are kept for a time (S0, event persistence): what has been removed, and a way to what is oldest",
    async up(db) {
      await sql`create index events_by_age on events (occurred_at)`.execute(db);
      await sql`create table log_removals (
        one boolean primary key default true check (one),
        transaction xid8,
        removed bigint not null default 0,
        removed_at timestamptz
      )`.execute(db);
      await sql`insert into log_removals default values`.execute(db);
      await sharedTable(db, "log_removals");
    },
  },
];

/** Somebody who reads the log by position and comes back for what follows. */
export interface LogReader {
  /** Where each stands: everything up to there it never asks for again. */
  places(db: ReadHandle): Promise<readonly ReaderPlace[]>;
  /** Says of an event `e` that it is needed, whatever the places are. */
  readonly needs?: RawBuilder<unknown>;
}

export interface ReaderPlace extends Position {
  readonly name: string;
}

/** Events that are removed in one transaction: it holds the log's horizon back for some milliseconds, and no longer. */
const batchDefault = 1_000;
/** So many batches a run; the next run goes on. Half a million events are more than an hour brings. */
const batchesMax = 500;

export interface Removing {
  readonly readers: readonly LogReader[];
  /** What happened before that is removed, once every reader is past it. */
  readonly before: Date;
  readonly batch?: number;
}

/**
 * Removes events that are older than they are kept (S0, event persistence; decision 0028) and that every reader has passed. One that
 * a reader has not passed stays, whatever its age. Safe beside the same in other processes. Returns how many it removed.
 */
export async function removeOldEvents(database: Database, removing: Removing): Promise<number> {
  const { batch = batchDefault } = removing;
  let removed = 0;
  for (let count = 0; count < batchesMax; count += 1) {
    const gone = await database.transact(everyTenant, (tx) => removeBatch(tx, removing, batch));
    removed += gone;
    if (gone < batch) break;
  }
  return removed;
}

/** Whether a run may remove every event from before `before` (ceiling.ts). */
export const mayRemoveOldEvents = (database: Database, before: Date): Promise<boolean> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ due: string }>`select count(*)::text as due from events where occurred_at < ${before}`.execute(tx);
    return mayRemove(tx, { name: "log.events", due: Number(rows[0]?.due ?? 0), table: "events" });
  });

async function removeBatch(tx: WriteHandle, { readers, before }: Removing, limit: number): Promise<number> {
  // Held until the commit: of several processes one removes, and who begins to read (`beginReading`) does so before or after.
  const { rows: mine } = await sql`select from log_removals for update skip locked`.execute(tx);
  if (mine.length === 0) return 0;
  // Asked before the statement that removes: a place only moves on, so what it says now stays true.
  const places: ReaderPlace[] = [];
  for (const reader of readers) places.push(...(await reader.places(tx as unknown as ReadHandle)));
  const passed = places.map(({ transaction, sequence }) => sql`(e.transaction, e.sequence) <= (${transaction}::xid8, ${sequence}::bigint)`);
  const unneeded = readers.flatMap(({ needs }) => (needs === undefined ? [] : [sql`not (${needs})`]));
  const { rows } = await sql<{ gone: string }>`
    with old as materialized (
      select e.sequence from events e
      where e.occurred_at < ${before} and e.transaction < pg_snapshot_xmin(pg_current_snapshot())
        and ${sql.join([...passed, ...unneeded, sql`true`], sql` and `)}
      order by e.occurred_at limit ${limit}
    ), gone as (
      delete from events where sequence in (select sequence from old) returning transaction
    ), noted as (
      update log_removals set removed = removed + (select count(*) from gone), removed_at = now(),
        transaction = greatest(transaction, (select g.transaction from gone g order by g.transaction desc limit 1))
      where exists (select from gone)
    )
    select count(*)::text as gone from gone`.execute(tx);
  return Number(rows[0]?.gone);
}

/**
 * Registers a new reader of the log in its transaction: no event is removed between the registration and the first read. The reader
 * begins with what the log still has. Returns how many events were removed before.
 */
export async function beginReading(tx: WriteHandle): Promise<number> {
  const { rows } = await sql<{ removed: string }>`select removed::text from log_removals for share`.execute(tx);
  return Number(rows[0]?.removed ?? 0);
}

/** How long ago the oldest event happened that each reader has not passed, in seconds; 0 where it has passed all. */
export async function unpassedSeconds(
  db: ReadHandle,
  readers: readonly LogReader[],
): Promise<readonly { readonly reader: string; readonly seconds: number }[]> {
  const found: { reader: string; seconds: number }[] = [];
  for (const reader of readers) {
    for (const { name, transaction, sequence } of await reader.places(db)) {
      const { rows } = await sql<{ seconds: number }>`
        select extract(epoch from now() - occurred_at)::float8 as seconds from events e
        where (e.transaction, e.sequence) > (${transaction}::xid8, ${sequence}::bigint)
        order by e.transaction, e.sequence limit 1`.execute(db as never);
      found.push({ reader: name, seconds: Math.max(0, rows[0]?.seconds ?? 0) });
    }
  }
  return found;
}

/** What the log has, and what it has no more. */
export interface LogState {
  /** When the oldest event happened that it has; null where there is none. */
  readonly oldestAt: Date | null;
  /** How many events have been removed, and when the last of them was. */
  readonly removed: number;
  readonly removedAt: Date | null;
}

export async function logState(db: ReadHandle): Promise<LogState> {
  const { rows } = await sql<{ oldest: Date | null; removed: string; removed_at: Date | null }>`
    select (select min(occurred_at) from events) as oldest, removed::text, removed_at from log_removals`.execute(db as never);
  const { oldest, removed, removed_at } = rows[0] as { oldest: Date | null; removed: string; removed_at: Date | null };
  return { oldestAt: oldest, removed: Number(removed), removedAt: removed_at };
}
