import { sql } from "kysely";
import type { ReadHandle } from "../database/database.ts";
import type { Position } from "./event.ts";

/** How far a reader of the log is behind. */
export interface Lag {
  /** Events that it has not handled yet, as far as they are counted. */
  readonly events: number;
  /** The age of the oldest of them in seconds; 0 where there is none. */
  readonly seconds: number;
}

/**
 * How far a reader at `place` is behind. Reads at most `rowsMax` events from there on by the index, so its place has to be read
 * before: compared with a row of another table the planner takes a third of the log for behind, and reads all of it.
 *
 * Of a reader of some types that are not among so many events, only the age of the first event is told, as if it were one of them:
 * it is far behind either way.
 */
export async function lagBehind(
  db: ReadHandle,
  { transaction, sequence }: Position,
  { rowsMax, types }: { readonly rowsMax: number; readonly types?: readonly string[] },
): Promise<Lag> {
  const isIts = types === undefined ? sql`true` : sql`type = any(${[...types]}::text[])`;
  const { rows } = await sql<{ read: number; events: number; oldest: number | null; oldest_read: number | null }>`
    select count(*)::int as read, count(*) filter (where is_its)::int as events,
      extract(epoch from now() - min(occurred_at) filter (where is_its))::float8 as oldest,
      extract(epoch from now() - min(occurred_at))::float8 as oldest_read
    from (
      select occurred_at, ${isIts} as is_its from events
      where (transaction, sequence) > (${transaction}::xid8, ${sequence}::bigint)
      order by transaction, sequence limit ${rowsMax}
    ) behind`.execute(db as never);
  const { read = 0, events = 0, oldest = null, oldest_read = null } = rows[0] ?? {};
  const seconds = oldest ?? (read === rowsMax ? oldest_read : null) ?? 0;
  return { events, seconds: Math.max(0, seconds) };
}
