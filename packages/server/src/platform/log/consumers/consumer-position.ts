import { sql } from "kysely";
import type { Database, ReadHandle, WriteHandle } from "../../database/database.ts";
import { everyTenant } from "../../database/database.ts";
import { anyOf } from "../../database/many-rows.ts";
import { firstRow, rowsOf } from "../../database/rows.ts";
import { beginning, type Position } from "../event.ts";
import { beginReading, type LogReader, type ReaderPosition } from "../retention.ts";

/** The consumers' positions in the log, and the events that are their dead letters. */
export const consumersOfLog: LogReader = {
  positions: (db) => rowsOf(db, sql<ReaderPosition>`select name, transaction::text, sequence::text from consumers`),
  needs: sql`exists (select from dead_letters d where d.event_id = e.id)`,
};

/** A position that has not moved for this long is moved to the horizon: the log retains events that a consumer has not passed. */
const idleMinutes = 10;

/**
 * A position further behind the horizon than this many transactions is moved to the horizon if there is no event for the
 * consumer in between, so that later reads do not search the same range of the log again.
 */
const distanceMax = 1_000n;

/** A consumer's position while its row is locked. */
export interface LockedPosition extends Position {
  /** The horizon when the row was locked. */
  readonly horizon: string;
  /** Whether a dead letter of the consumer is to be handled again. */
  readonly hasRedriven: boolean;
  /** Whether it has not moved for a long time, although the horizon is beyond it. */
  readonly isIdle: boolean;
}

export const isFarBehind = (position: LockedPosition): boolean => BigInt(position.horizon) - BigInt(position.transaction) > distanceMax;

export const isAfter = (left: Position, right: Position): boolean =>
  BigInt(left.transaction) > BigInt(right.transaction) ||
  (left.transaction === right.transaction && BigInt(left.sequence) > BigInt(right.sequence));

/** Creates the position of a new consumer at the beginning of the log. Returns how many events the log has already removed. */
export const createPosition = (database: Database, consumer: string): Promise<number> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql`select from consumers where name = ${consumer}`.execute(tx);
    if (rows.length > 0) return 0;
    const removed = await beginReading(tx);
    await sql`insert into consumers (name, transaction, sequence, moved_at)
      values (${consumer}, ${beginning.transaction}::xid8, ${beginning.sequence}::bigint, now())
      on conflict do nothing`.execute(tx);
    return removed;
  });

/** The consumer's position, locked until the transaction ends; undefined while another process has locked it. */
export async function lockPosition(tx: WriteHandle, consumer: string): Promise<LockedPosition | undefined> {
  // The horizon is read before the events, so everything below it is visible to the statement that reads them.
  const { rows } = await sql<LockedPosition>`
    select transaction::text, sequence::text, pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
      exists (select from dead_letters where consumer = consumers.name and again) as "hasRedriven",
      moved_at < now() - make_interval(mins => ${idleMinutes}) and transaction < pg_snapshot_xmin(pg_current_snapshot()) as "isIdle"
    from consumers where name = ${consumer} for update skip locked`.execute(tx);
  return rows[0];
}

export async function savePosition(tx: WriteHandle, consumer: string, { transaction, sequence }: Position): Promise<void> {
  await sql`update consumers set transaction = ${transaction}::xid8, sequence = ${sequence}::bigint, moved_at = now()
    where name = ${consumer}`.execute(tx);
}

export const positionOf = (db: ReadHandle, consumer: string): Promise<Position | undefined> =>
  firstRow(db, sql<Position>`select transaction::text, sequence::text from consumers where name = ${consumer}`);

/** The position of the newest committed event of the types, also beyond the horizon. */
export async function newestOf(db: ReadHandle, types: readonly string[]): Promise<Position> {
  const newest = await firstRow(
    db,
    sql<Position>`select transaction::text, sequence::text from events where type = ${anyOf(types, "text")}
      order by events.transaction desc, events.sequence desc limit 1`,
  );
  return newest ?? beginning;
}
