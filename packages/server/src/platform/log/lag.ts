import { sql } from "kysely";
import type { ReadHandle } from "../database/database.ts";
import { firstRow } from "../database/rows.ts";
import type { Position } from "./event.ts";

/** How far a reader of the log is behind. */
export interface Lag {
  /** Events that it has not handled yet, up to the counting limit. */
  readonly events: number;
  /** The age of the oldest of them in seconds; 0 if there is none. */
  readonly seconds: number;
}

/**
 * How far a reader at a position is behind. Reads at most `rowsMax` events after it by the index. The caller reads the position
 * first: for a comparison with another table's row, the planner estimates a third of the log and scans all of it.
 *
 * If none of the events read has one of the reader's types, returns the age of the first event as if it had:
 * the reader is far behind in any case.
 */
export async function lagBehind(
  db: ReadHandle,
  { transaction, sequence }: Position,
  { rowsMax, types }: { readonly rowsMax: number; readonly types?: readonly string[] },
): Promise<Lag> {
  const hasType = types === undefined ? sql`true` : sql`type = any(${[...types]}::text[])`;
  const counted = await firstRow(
    db,
    sql<{ read: number; events: number; oldest: number | null; oldest_read: number | null }>`
    select count(*)::int as read, count(*) filter (where has_type)::int as events,
      extract(epoch from now() - min(occurred_at) filter (where has_type))::float8 as oldest,
      extract(epoch from now() - min(occurred_at))::float8 as oldest_read
    from (
      select occurred_at, ${hasType} as has_type from events
      where (transaction, sequence) > (${transaction}::xid8, ${sequence}::bigint)
      order by transaction, sequence limit ${rowsMax}
    ) behind`,
  );
  const { read = 0, events = 0, oldest = null, oldest_read = null } = counted ?? {};
  const seconds = oldest ?? (read === rowsMax ? oldest_read : null) ?? 0;
  return { events, seconds: Math.max(0, seconds) };
}
