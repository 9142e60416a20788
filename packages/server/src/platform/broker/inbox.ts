import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { deleteSome } from "../database/prune.ts";

/**
 * How long an id is remembered. Longer than any broker here keeps a message (seven days), so that a redelivery never finds it
 * forgotten; a dead letter that is handed over again later than this is handled as new.
 */
export const inboxDays = 14;

/**
 * Marks a message as handled in the transaction of its effect. False when it was handled before: then nothing is to be done.
 * Of two that handle the same message at once, the second waits here for the first.
 */
export async function receive(tx: WriteHandle, consumer: string, messageId: string, now: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into inbox_messages (consumer, message_id, received_at) values (${consumer}, ${messageId}, ${now})
    on conflict do nothing`.execute(tx);
  return numAffectedRows === 1n;
}

/** Handles a message once: `effect` and the note that it happened are committed together. */
export function once(
  database: Database,
  message: { readonly consumer: string; readonly id: string; readonly now: Date },
  effect: (tx: WriteHandle) => Promise<void>,
): Promise<void> {
  return database.transact(everyTenant, async (tx) => {
    if (await receive(tx, message.consumer, message.id, message.now)) await effect(tx);
  });
}

/** Forgets at most `limit` of what no broker hands over again, and says how many. */
export const pruneInbox = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "inbox_messages", sql`received_at < ${now}::timestamptz - make_interval(days => ${inboxDays})`, limit);
