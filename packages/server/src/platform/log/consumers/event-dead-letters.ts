import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../../database/database.ts";
import { firstRow, rowsOf } from "../../database/rows.ts";
import type { DeadLetters } from "../../dead-letters.ts";
import type { LoggedEvent } from "../event.ts";
import { readEvent } from "../log.ts";

/** Operators type ids. PostgreSQL would reject the cast of a text that is not a UUID. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Row {
  readonly event_id: string;
  readonly type: string;
  readonly body: string;
  readonly attempts: number;
  readonly failure: string;
  readonly failed_at: Date;
}

/** The dead letters of a consumer of the log. Pages are ordered by event id, which increases with time. */
export function eventDeadLetters(database: Database, consumer: string, wake: () => void): DeadLetters {
  const redrive = async (which: ReturnType<typeof sql>): Promise<number> => {
    const { numAffectedRows } = await database.transact(everyTenant, (tx) =>
      sql`update dead_letters set again = true where consumer = ${consumer} and not again and ${which}`.execute(tx),
    );
    wake();
    return Number(numAffectedRows);
  };
  return {
    async list({ limit, after }) {
      if (after !== undefined && !uuid.test(after)) return { items: [], next: null };
      const rows = await database.read(everyTenant, (db) =>
        rowsOf(
          db,
          sql<Row>`select event_id, type, data::text as body, attempts, failure, failed_at
            from dead_letters join events on events.id = event_id
            where consumer = ${consumer} and not again and event_id > coalesce(${after ?? null}::uuid, '00000000-0000-0000-0000-000000000000')
            order by event_id limit ${limit + 1}`,
        ),
      );
      const page = rows.slice(0, limit);
      return {
        items: page.map(({ event_id: id, type: topic, body, attempts, failure, failed_at }) => ({
          id,
          topic,
          body,
          attempts,
          failure,
          failedAt: failed_at.toISOString(),
        })),
        next: rows.length > limit ? (page.at(-1)?.event_id ?? null) : null,
      };
    },
    async count() {
      const counted = await database.read(everyTenant, (db) =>
        firstRow(db, sql<{ count: string }>`select count(*) from dead_letters where consumer = ${consumer} and not again`),
      );
      return Number(counted?.count);
    },
    redrive: async (id) => uuid.test(id) && (await redrive(sql`event_id = ${id}`)) === 1,
    redriveAll: () => redrive(sql`true`),
    async drop(id) {
      if (!uuid.test(id)) return false;
      const { numAffectedRows } = await database.transact(everyTenant, (tx) =>
        sql`delete from dead_letters where consumer = ${consumer} and event_id = ${id} and not again`.execute(tx),
      );
      return numAffectedRows === 1n;
    },
  };
}

/** Takes the next redriven dead letter from the table, in the transaction of its handling. */
export async function takeRedriven(tx: WriteHandle, consumer: string): Promise<LoggedEvent | undefined> {
  const { rows } = await sql<{ event_id: string }>`
    delete from dead_letters where consumer = ${consumer} and event_id = (
      select event_id from dead_letters where consumer = ${consumer} and again order by event_id limit 1) returning event_id`.execute(tx);
  return rows[0] && readEvent(tx, rows[0].event_id);
}

/** Stores the next redriven dead letter as failed again. */
export async function failRedriven(tx: WriteHandle, consumer: string, failure: string): Promise<void> {
  await sql`update dead_letters set again = false, failure = ${failure}, failed_at = now(), attempts = attempts + 1
    where consumer = ${consumer} and event_id = (
      select event_id from dead_letters where consumer = ${consumer} and again order by event_id limit 1)`.execute(tx);
}
