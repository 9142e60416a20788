import { type RawBuilder, sql } from "kysely";
import { type Database, everyTenant, type ReadHandle, type WriteHandle } from "../database/database.ts";
import type { SchemaStep } from "../database/migrations.ts";
import { sharedTable } from "../database/migrations.ts";
import { firstRow } from "../database/rows.ts";
import { mayRemove } from "../retention/ceiling.ts";
import type { Position } from "./event.ts";

export const retentionSteps: readonly SchemaStep[] = [
  {
    name: "0088_log_retention",
    why: "events are retained for a time: records what has been removed, and indexes the oldest",
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

/** A reader of the log that resumes from its position. */
export interface LogReader {
  /** The positions of the readers. A reader never reads earlier events again. */
  positions(db: ReadHandle): Promise<readonly ReaderPosition[]>;
  /** A condition on an event `e` that is needed, whatever the positions are. */
  readonly needs?: RawBuilder<unknown>;
}

export interface ReaderPosition extends Position {
  readonly name: string;
}

/** Events removed per transaction, so that it holds the log's horizon back for a few milliseconds only. */
const batchDefault = 1_000;
/** Batches per run; the next run continues. An hour brings less than half a million events. */
const batchesMax = 500;

export interface RetentionRun {
  readonly readers: readonly LogReader[];
  /** Earlier events are removed once every reader has passed them. */
  readonly before: Date;
  readonly batch?: number;
}

/**
 * Removes events whose retention time has passed (decision 0028) and that every reader has passed. An event that a reader has not passed
 * stays, whatever its age. Safe to run concurrently in other processes. Returns how many it removed.
 */
export async function removeOldEvents(database: Database, run: RetentionRun): Promise<number> {
  const { batch = batchDefault } = run;
  let removed = 0;
  for (let index = 0; index < batchesMax; index += 1) {
    const count = await database.transact(everyTenant, (tx) => removeBatch(tx, run, batch));
    removed += count;
    if (count < batch) break;
  }
  return removed;
}

/** Whether a run may remove every event from before `before` (ceiling.ts). */
export const mayRemoveOldEvents = (database: Database, before: Date): Promise<boolean> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ due: string }>`select count(*)::text as due from events where occurred_at < ${before}`.execute(tx);
    return mayRemove(tx, { name: "log.events", due: Number(rows[0]?.due ?? 0), table: "events" });
  });

async function removeBatch(tx: WriteHandle, { readers, before }: RetentionRun, limit: number): Promise<number> {
  // Locked until the commit: one process removes at a time, and a new reader (`beginReading`) begins before or after.
  const { rows: lock } = await sql`select from log_removals for update skip locked`.execute(tx);
  if (lock.length === 0) return 0;
  // Read before the statement that removes: positions only advance, so an event that was passed stays passed.
  const positions: ReaderPosition[] = [];
  for (const reader of readers) positions.push(...(await reader.positions(tx as unknown as ReadHandle)));
  const passed = positions.map(
    ({ transaction, sequence }) => sql`(e.transaction, e.sequence) <= (${transaction}::xid8, ${sequence}::bigint)`,
  );
  const unneeded = readers.flatMap(({ needs }) => (needs === undefined ? [] : [sql`not (${needs})`]));
  const { rows } = await sql<{ gone: string }>`
    with old as materialized (
      select e.sequence from events e
      where e.occurred_at < ${before} and e.transaction < pg_snapshot_xmin(pg_current_snapshot())
        and ${sql.join([...passed, ...unneeded, sql`true`], sql` and `)}
      order by e.occurred_at limit ${limit}
    ), gone as (
      delete from events where sequence in (select sequence from old) returning transaction
    ), recorded as (
      update log_removals set removed = removed + (select count(*) from gone), removed_at = now(),
        transaction = greatest(transaction, (select g.transaction from gone g order by g.transaction desc limit 1))
      where exists (select from gone)
    )
    select count(*)::text as gone from gone`.execute(tx);
  return Number(rows[0]?.gone);
}

/**
 * Call it in the transaction that records a new reader: no event is removed between the record and the first read. A new reader
 * begins at the oldest event that the log still has. Returns how many events the log has removed.
 */
export async function beginReading(tx: WriteHandle): Promise<number> {
  const { rows } = await sql<{ removed: string }>`select removed::text from log_removals for share`.execute(tx);
  return Number(rows[0]?.removed ?? 0);
}

/** The age in seconds of the oldest event that each reader has not passed; 0 if it has passed all. */
export async function readerLagSeconds(
  db: ReadHandle,
  readers: readonly LogReader[],
): Promise<readonly { readonly reader: string; readonly seconds: number }[]> {
  const found: { reader: string; seconds: number }[] = [];
  for (const reader of readers) {
    for (const { name, transaction, sequence } of await reader.positions(db)) {
      const oldest = await firstRow(
        db,
        sql<{ seconds: number }>`select extract(epoch from now() - occurred_at)::float8 as seconds from events e
          where (e.transaction, e.sequence) > (${transaction}::xid8, ${sequence}::bigint)
          order by e.transaction, e.sequence limit 1`,
      );
      found.push({ reader: name, seconds: Math.max(0, oldest?.seconds ?? 0) });
    }
  }
  return found;
}

/** The age of the log's oldest event, and what has been removed. */
export interface LogState {
  /** When the oldest retained event occurred; null if there is none. */
  readonly oldestAt: Date | null;
  /** How many events have been removed, and when the last removal was. */
  readonly removed: number;
  readonly removedAt: Date | null;
}

interface LogStateRow {
  readonly oldest: Date | null;
  readonly removed: string;
  readonly removed_at: Date | null;
}

export async function logState(db: ReadHandle): Promise<LogState> {
  const row = await firstRow(
    db,
    sql<LogStateRow>`select (select min(occurred_at) from events) as oldest, removed::text, removed_at from log_removals`,
  );
  const { oldest, removed, removed_at } = row as LogStateRow;
  return { oldestAt: oldest, removed: Number(removed), removedAt: removed_at };
}
