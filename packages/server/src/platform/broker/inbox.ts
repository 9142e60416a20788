import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { deleteSome } from "../database/prune.ts";

/**
 * How long an id is stored. Longer than the brokers' retention of messages (seven days), so that a redelivery is always
 * detected. A dead letter that is redriven after this time is handled as new.
 */
export const inboxDays = 14;

/**
 * Records a message as handled in the transaction of its effect. False if it was handled before: then there is nothing to do.
 * If two transactions handle the same message concurrently, the second waits here for the first.
 */
export async function receive(tx: WriteHandle, consumer: string, messageId: string, now: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into inbox_messages (consumer, message_id, received_at) values (${consumer}, ${messageId}, ${now})
    on conflict do nothing`.execute(tx);
  return numAffectedRows === 1n;
}

/** Handles a message once: `effect` and its record are committed together. */
export function once(
  database: Database,
  message: { readonly consumer: string; readonly id: string; readonly now: Date },
  effect: (tx: WriteHandle) => Promise<void>,
): Promise<void> {
  return database.transact(everyTenant, async (tx) => {
    if (await receive(tx, message.consumer, message.id, message.now)) await effect(tx);
  });
}

/** Deletes at most `limit` ids that no broker can redeliver, and returns how many. */
export const pruneInbox = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "inbox_messages", sql`received_at < ${now}::timestamptz - make_interval(days => ${inboxDays})`, limit);
