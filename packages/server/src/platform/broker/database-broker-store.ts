import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "../database/database.ts";
import { insertMany } from "../database/many-rows.ts";
import { deleteSome } from "../database/prune.ts";
import { firstRow, rowsOf } from "../database/rows.ts";
import type { DeadLetter, DeadLetters } from "../dead-letters.ts";
import { beginning, type Position } from "../log/event.ts";
import type { BrokerConsumerName, BrokerMessage } from "./broker.ts";
import { topicOf } from "./cloud-event.ts";

export interface StoredMessage {
  readonly position: Position;
  readonly topic: string;
  readonly body: string;
}

/** Retention of messages for consumers that do not run; the other adapters retain messages as long. */
export const messageDays = 7;

export async function insertMessages(tx: WriteHandle, messages: readonly BrokerMessage[]): Promise<void> {
  const rows = messages.map(({ exchange, event }) => ({ exchange, topic: topicOf(event.type), body: JSON.stringify(event) }));
  await insertMany(tx, "broker_messages", { exchange: "text", topic: "text", body: "text" }, rows);
}

/** The next messages in commit order up to the horizon, read like the log (decision 0012). */
export async function messagesAfter(db: ReadHandle, exchange: string, after: Position, limit: number): Promise<readonly StoredMessage[]> {
  const rows = await rowsOf(
    db,
    sql<{ transaction: string; sequence: string; topic: string; body: string }>`
    select transaction::text, sequence::text, topic, body from broker_messages
    where exchange = ${exchange} and (transaction, sequence) > (${after.transaction}::xid8, ${after.sequence}::bigint)
      and transaction < pg_snapshot_xmin(pg_current_snapshot())
    order by broker_messages.transaction, broker_messages.sequence limit ${limit}`,
  );
  return rows.map(({ transaction, sequence, topic, body }) => ({ position: { transaction, sequence }, topic, body }));
}

/** Beyond this number, an exact count is of no use and would only load the database. */
const countedMax = 10_000;

/** Messages of the consumer's exchange after its position, of every topic; counts up to 10,000. */
export async function countWaiting(db: ReadHandle, { name, exchange }: BrokerConsumerName): Promise<number> {
  const position = await firstRow(
    db,
    sql<Position>`
    select transaction::text, sequence::text from broker_consumers where name = ${name}`,
  );
  const { transaction, sequence } = position ?? beginning;
  const rows = await rowsOf(
    db,
    sql<{ count: number }>`
    select count(*)::int as count from (
      select from broker_messages where exchange = ${exchange} and (transaction, sequence) > (${transaction}::xid8, ${sequence}::bigint)
      limit ${countedMax}
    ) behind`,
  );
  return rows[0]?.count ?? 0;
}

export async function insertDeadLetter(tx: WriteHandle, consumer: string, letter: DeadLetter): Promise<void> {
  await sql`insert into broker_dead_letters (consumer, id, topic, body, attempts, failure, failed_at)
    values (${consumer}, ${letter.id}, ${letter.topic}, ${letter.body}, ${letter.attempts}, ${letter.failure}, ${letter.failedAt})
    on conflict (consumer, id) do update set attempts = excluded.attempts, failure = excluded.failure,
      failed_at = excluded.failed_at, again = false`.execute(tx);
}

/** Redriven dead letters, oldest first. */
export function redriven(db: ReadHandle, consumer: string, limit: number): Promise<readonly { id: string; topic: string; body: string }[]> {
  return rowsOf(
    db,
    sql<{ id: string; topic: string; body: string }>`
      select id, topic, body from broker_dead_letters where consumer = ${consumer} and again order by number limit ${limit}`,
  );
}

export async function deleteDeadLetter(tx: WriteHandle, consumer: string, id: string, again: boolean): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from broker_dead_letters where consumer = ${consumer} and id = ${id} and again = ${again}`.execute(tx);
  return numAffectedRows === 1n;
}

/** Deletes at most `limit` messages past their retention time, and returns how many. */
export const pruneMessages = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "broker_messages", sql`published_at < ${now}::timestamptz - make_interval(days => ${messageDays})`, limit);

interface DeadLetterRow extends Omit<DeadLetter, "failedAt"> {
  readonly number: string;
  readonly failed_at: Date;
}

interface Transactions {
  read<T>(work: (db: ReadHandle) => Promise<T>): Promise<T>;
  write<T>(work: (tx: WriteHandle) => Promise<T>): Promise<T>;
}

export function tableDeadLetters(consumer: string, { read, write }: Transactions): DeadLetters {
  const redrive = (where: ReturnType<typeof sql>): Promise<number> =>
    write(async (tx) => {
      const { numAffectedRows } = await sql`
        update broker_dead_letters set again = true where consumer = ${consumer} and not again and ${where}`.execute(tx);
      return Number(numAffectedRows);
    });
  return {
    async list({ limit, after }) {
      const rows = await read((db) =>
        rowsOf(
          db,
          sql<DeadLetterRow>`select number::text, id, topic, body, attempts, failure, failed_at from broker_dead_letters
            where consumer = ${consumer} and not again and number > ${after ?? "0"}::bigint
            order by broker_dead_letters.number limit ${limit + 1}`,
        ),
      );
      const page = rows.slice(0, limit);
      return {
        items: page.map(({ number: _, failed_at, ...row }) => ({ ...row, failedAt: failed_at.toISOString() })),
        next: rows.length > limit ? (page.at(-1)?.number ?? null) : null,
      };
    },
    count: () =>
      read(async (db) => {
        const counted = await firstRow(
          db,
          sql<{ count: string }>`select count(*) from broker_dead_letters where consumer = ${consumer} and not again`,
        );
        return Number(counted?.count);
      }),
    redrive: async (id) => (await redrive(sql`id = ${id}`)) === 1,
    redriveAll: () => redrive(sql`true`),
    drop: (id) => write((tx) => deleteDeadLetter(tx, consumer, id, false)),
  };
}
