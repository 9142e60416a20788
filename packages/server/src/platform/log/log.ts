import { type RawBuilder, sql } from "kysely";
import type { WriteHandle } from "../database/database.ts";
import { anyOf, insertMany } from "../database/many-rows.ts";
import { type SchemaStep, tenantTable } from "../database/migrations.ts";
import { type AnyHandle, firstRow, rowsOf } from "../database/rows.ts";
import type { LoggedEvent, NewEvent, Position, Revision, Tail } from "./event.ts";
import { retentionSteps } from "./retention.ts";
import { cursorAfter, cursorAt, type TailCursor } from "./tail-cursor.ts";

/** The ordered event log. A command appends its events in its own transaction; feeds, projections and relays read them by position. */
export const logSteps: readonly SchemaStep[] = [
  {
    name: "0001_log_events",
    why: "the outbox: events in the order in which their transactions ended",
    async up(db) {
      await sql`create table events (
        sequence bigint generated always as identity primary key,
        transaction xid8 not null default pg_current_xact_id(),
        id uuid not null unique,
        type text not null,
        subject text not null,
        organization_id uuid,
        data jsonb not null,
        traceparent text,
        occurred_at timestamptz not null
      )`.execute(db);
      await sql`create index events_in_commit_order on events (transaction, sequence)`.execute(db);
      await sql`create index events_of_a_subject on events (subject, transaction)`.execute(db);
      await tenantTable(db, "events", { tenant: "organization_id", journal: true });
      await sql`create function overtaken(subjects text[]) returns text language plpgsql as $$
        declare
          scope text := current_setting('app.tenant', true);
          found_subject text;
        begin
          -- A subject's events may be of several tenants (a person's are), and the caller's scope shows one tenant's.
          perform set_config('app.tenant', '*', true);
          select subject into found_subject from events
            where subject = any(subjects) and transaction > pg_current_xact_id() limit 1;
          perform set_config('app.tenant', coalesce(scope, ''), true);
          return found_subject;
        end $$`.execute(db);
    },
  },
  ...retentionSteps,
  {
    name: "0265_log_actor",
    why: "an event tells who acted for its cause: impersonation and delegation (decision 0055)",
    async up(db) {
      await sql`alter table events add column actor text`.execute(db);
    },
  },
  {
    name: "0130_log_overtaken_without_a_search",
    why: "where no later transaction has written, which is nearly always, one look at the log's end answers for any number of subjects",
    async up(db) {
      await sql`create or replace function overtaken(subjects text[]) returns text language plpgsql as $$
        declare
          scope text := current_setting('app.tenant', true);
          found_subject text;
        begin
          perform set_config('app.tenant', '*', true);
          if exists (select from events where transaction > pg_current_xact_id()) then
            select subject into found_subject from events
              where subject = any(subjects) and transaction > pg_current_xact_id() limit 1;
          end if;
          perform set_config('app.tenant', coalesce(scope, ''), true);
          return found_subject;
        end $$`.execute(db);
    },
  },
];

/**
 * A later transaction has already committed events of the same subject. The log is ordered by transaction id, so appending
 * now would order effect before cause. The caller retries the command, with a new transaction id.
 */
export class WriteConflictError extends Error {
  readonly subject: string;
  constructor(subject: string) {
    super(`a later transaction has already written about ${subject}`);
    this.name = "WriteConflictError";
    this.subject = subject;
  }
}

/**
 * Locks the subject against other transactions that retry after a write conflict on it. Call it first in a transaction: while it
 * waits, the transaction has no locks and no transaction id, so its id is newer than those of the transactions before it.
 */
export async function lockSubject(tx: WriteHandle, subject: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`turn ${subject}`}, 0))`.execute(tx);
}

/** What all events of a transaction share. */
export interface EventEnvelope {
  readonly occurredAt: Date;
  readonly traceparent: string | null;
  /** See {@link LoggedEvent.actor}. */
  readonly actor?: string | null;
}

/** Appends any number of events in the caller's transaction. Throws {@link WriteConflictError}, and appends nothing then. */
export async function append(tx: WriteHandle, events: readonly NewEvent[], envelope: EventEnvelope): Promise<void> {
  if (events.length === 0) return;
  const subjects = [...new Set(events.map((event) => event.subject))];
  const { rows } = await sql<{ subject: string | null }>`select overtaken(${subjects}::text[]) as subject`.execute(tx);
  if (rows[0]?.subject) throw new WriteConflictError(rows[0].subject);
  await insertMany(
    tx,
    "events",
    eventInserted,
    events.map((event) => ({
      id: event.id,
      type: event.type,
      subject: event.subject,
      organization_id: event.organizationId,
      data: JSON.stringify(event.data),
      traceparent: envelope.traceparent,
      actor: envelope.actor ?? null,
      occurred_at: envelope.occurredAt,
    })),
  );
}

const eventInserted = {
  id: "uuid",
  type: "text",
  subject: "text",
  organization_id: "uuid",
  data: "json",
  traceparent: "text",
  actor: "text",
  occurred_at: "timestamptz",
} as const;

/** The id of the caller's transaction, which is the revision of its write. */
export async function revisionOf(tx: WriteHandle): Promise<Revision> {
  const { rows } = await sql<{ revision: string }>`select pg_current_xact_id()::text as revision`.execute(tx);
  return (rows[0] as { revision: string }).revision;
}

interface EventRow {
  readonly sequence: string;
  readonly transaction: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly organization_id: string | null;
  readonly data: Record<string, unknown>;
  readonly traceparent: string | null;
  readonly actor: string | null;
  readonly occurred_at: Date;
}

/** Numbers as text, because they exceed JavaScript's. An `order by` must qualify the column, or it would compare texts. */
const eventColumns = sql`sequence::text, transaction::text, id, type, subject, organization_id, data, traceparent, actor, occurred_at`;

const toEvent = (row: EventRow): LoggedEvent => ({
  position: { transaction: row.transaction, sequence: row.sequence },
  id: row.id,
  type: row.type,
  subject: row.subject,
  organizationId: row.organization_id,
  data: row.data,
  traceparent: row.traceparent,
  actor: row.actor,
  occurredAt: row.occurred_at,
});

const ofTypes = (types: readonly string[] | undefined) => (types === undefined ? sql`true` : sql`type = ${anyOf(types, "text")}`);

/**
 * The next events after `after`, in commit order, up to the snapshot's horizon. An open transaction beyond it has
 * already taken its number: a reader that passed it would miss its events.
 */
export async function readAfter(
  db: AnyHandle,
  after: Position,
  options: { readonly limit: number; readonly types?: readonly string[] },
): Promise<readonly LoggedEvent[]> {
  const rows = await rowsOf(
    db,
    sql<EventRow>`select ${eventColumns} from events
      where (transaction, sequence) > (${after.transaction}::xid8, ${after.sequence}::bigint)
        and transaction < pg_snapshot_xmin(pg_current_snapshot())
        and ${ofTypes(options.types)}
      order by events.transaction, events.sequence limit ${options.limit}`,
  );
  return rows.map(toEvent);
}

/** One event by its id. */
export async function readEvent(db: AnyHandle, id: string): Promise<LoggedEvent | undefined> {
  const row = await firstRow(db, sql<EventRow>`select ${eventColumns} from events where id = ${id}`);
  return row && toEvent(row);
}

interface TailRow extends EventRow {
  readonly snapshot: string;
  readonly own: string | null;
  readonly standby: boolean;
  readonly server: string;
  readonly removed_through: string | null;
}

/**
 * All visible events that the reader of `cursor` has not read, also beyond the horizon. For readers that need low latency and no
 * order (cache invalidation). Reads only rows of transactions that committed since the
 * last read, even while a transaction stays open: below the cursor, only transactions in progress at that time can have added rows.
 * Undefined if another server answers, or the same one after a restart: it may lack transactions that the cursor counts as read,
 * so the reader restarts where it trusts its state ({@link readTail}).
 */
export async function readSince(db: AnyHandle, cursor: TailCursor, types?: readonly string[]): Promise<Tail | undefined> {
  const { from, pending } = cursor;
  const events = (transactions: RawBuilder<unknown>) => sql`select ${eventColumns} from events where ${transactions} and ${ofTypes(types)}`;
  const since = events(sql`transaction >= ${from}::xid8`);
  const late = pending.length === 0 ? sql`` : sql` union all ${events(sql`transaction = any(${pending}::xid8[])`)}`;
  const rows = await rowsOf(
    db,
    sql<TailRow>`with head as (
      select pg_current_snapshot()::text as snapshot, pg_current_xact_id_if_assigned()::text as own, pg_is_in_recovery() as standby,
        pg_postmaster_start_time()::text as server, (select transaction::text from log_removals) as removed_through
    )
    select head.*, e.* from head left join (${since}${late}) e on true
    order by e.transaction::xid8, e.sequence::bigint`,
  );
  const { snapshot: text, own, standby, server, removed_through } = rows[0] as TailRow;
  if (cursor.server !== undefined && cursor.server !== server) return undefined;
  const next = cursorAfter({ text, own, standby, server });
  const isComplete = removed_through === null || BigInt(removed_through) < BigInt(cursor.horizon);
  return { horizon: next.horizon, events: rows.filter((row) => row.id !== null).map(toEvent), isComplete, cursor: next };
}

/** All visible events at or after `horizon`: for a reader that begins, or whose cursor is of another server. */
export const readTail = async (db: AnyHandle, horizon: string, types?: readonly string[]): Promise<Tail> =>
  (await readSince(db, cursorAt(horizon), types)) as Tail;
