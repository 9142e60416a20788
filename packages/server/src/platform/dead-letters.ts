import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "./database/database.ts";
import { type SchemaStep, sharedTable } from "./database/migrations.ts";
import { firstRow, rowsOf } from "./database/rows.ts";
import { failureText } from "./failure-text.ts";

/** A message, event or record that a consumer could not handle. */
export interface DeadLetter {
  /** The event's id, with a suffix for its source if the id is not a UUID; generated if the message has none. */
  readonly id: string;
  readonly topic: string;
  /** The received message as text; for CloudEvents' binary mode, the whole event as JSON. */
  readonly body: string;
  readonly attempts: number;
  /** The last failure, with addresses and secrets masked. */
  readonly failure: string;
  /** ISO 8601, UTC. */
  readonly failedAt: string;
}

/** The dead letters of one consumer. */
export interface DeadLetters {
  /** A page, oldest first; `next` continues after it and is null on the last. */
  list(page: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<{ readonly items: readonly DeadLetter[]; readonly next: string | null }>;
  count(): Promise<number>;
  /** Makes the consumer handle one again, as new. False if none has this id. */
  redrive(id: string): Promise<boolean>;
  /** Makes the consumer handle all that exist at the call again. Returns how many. */
  redriveAll(): Promise<number>;
  /** Deletes one. False if none has this id. */
  drop(id: string): Promise<boolean>;
}

export const deadLetterSteps: readonly SchemaStep[] = [
  {
    name: "0100_dead_letters_of_records",
    why: "records that a worker could not handle and that are not events: audit entries, projection entries (decision 0029)",
    async up(db) {
      await sql`create table record_dead_letters (
        number bigint generated always as identity,
        consumer text not null,
        id text not null,
        topic text not null,
        body text not null,
        attempts integer not null,
        failure text not null,
        failed_at timestamptz not null default now(),
        again boolean not null default false,
        primary key (consumer, id)
      )`.execute(db);
      await sharedTable(db, "record_dead_letters");
    },
  },
];

/** A record that failed. `body` is stored in plaintext: the caller must leave out secrets and personal data. */
export interface FailedRecord {
  readonly id: string;
  readonly topic: string;
  readonly body: string;
  readonly error: unknown;
}

/** Stores records as dead letters. One that is stored already waits for an operator again, its attempts incremented. */
export async function deadLetterRecords(tx: WriteHandle, consumer: string, failed: readonly FailedRecord[]): Promise<void> {
  for (const { id, topic, body, error } of failed) {
    await sql`insert into record_dead_letters (consumer, id, topic, body, attempts, failure)
      values (${consumer}, ${id}, ${topic}, ${body}, 1, ${failureText(error)})
      on conflict (consumer, id) do update set attempts = record_dead_letters.attempts + 1, failure = excluded.failure,
        failed_at = excluded.failed_at, again = false`.execute(tx);
  }
}

/** The ids that an operator has redriven, oldest first. */
export async function redrivenRecords(tx: WriteHandle, consumer: string, limit: number): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from record_dead_letters where consumer = ${consumer} and again order by number limit ${limit}`.execute(tx);
  return rows.map(({ id }) => id);
}

/** Deletes dead letters whose records were handled. */
export async function resolveRecords(tx: WriteHandle, consumer: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`delete from record_dead_letters where consumer = ${consumer} and id = any(${ids}::text[])`.execute(tx);
}

interface Row extends Omit<DeadLetter, "failedAt"> {
  readonly number: string;
  readonly failed_at: Date;
}

/**
 * The dead letters of one consumer. `onRedriven` runs in the transaction that flags them as redriven, for a consumer
 * that does not look for them itself.
 */
export function recordDeadLetters(
  database: Database,
  consumer: string,
  onRedriven?: (tx: WriteHandle, ids: readonly string[]) => Promise<void>,
): DeadLetters {
  const ofConsumer = sql`consumer = ${consumer} and not again`;
  const redrive = (which: ReturnType<typeof sql>): Promise<number> =>
    database.transact(everyTenant, async (tx) => {
      const { rows } = await sql<{ id: string }>`
        update record_dead_letters set again = true where ${ofConsumer} and ${which} returning id`.execute(tx);
      if (rows.length > 0)
        await onRedriven?.(
          tx,
          rows.map(({ id }) => id),
        );
      return rows.length;
    });
  return {
    async list({ limit, after }) {
      if (after !== undefined && !/^\d{1,18}$/.test(after)) return { items: [], next: null };
      const rows = await database.read(everyTenant, (db) =>
        rowsOf(
          db,
          sql<Row>`select number::text, id, topic, body, attempts, failure, failed_at from record_dead_letters
            where ${ofConsumer} and number > ${after ?? "0"}::bigint
            order by record_dead_letters.number limit ${limit + 1}`,
        ),
      );
      const page = rows.slice(0, limit);
      return {
        items: page.map(({ number: _, failed_at, ...row }) => ({ ...row, failedAt: failed_at.toISOString() })),
        next: rows.length > limit ? (page.at(-1)?.number ?? null) : null,
      };
    },
    async count() {
      const counted = await database.read(everyTenant, (db) =>
        firstRow(db, sql<{ count: string }>`select count(*) from record_dead_letters where ${ofConsumer}`),
      );
      return Number(counted?.count);
    },
    redrive: async (id) => (await redrive(sql`id = ${id}`)) === 1,
    redriveAll: () => redrive(sql`true`),
    drop: (id) =>
      database.transact(everyTenant, async (tx) => {
        const { numAffectedRows } = await sql`delete from record_dead_letters where ${ofConsumer} and id = ${id}`.execute(tx);
        return numAffectedRows === 1n;
      }),
  };
}
