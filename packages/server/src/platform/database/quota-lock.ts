import { sql } from "kysely";
import type { WriteHandle } from "./database.ts";

/**
 * Serializes transactions that check and use a subject's quota: two concurrent ones would both find room for
 * the last item. The lock is held until the transaction ends.
 */
export async function lockForQuota<Tables>(tx: WriteHandle<Tables>, what: string, subject: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`quota ${what} ${subject}`}, 0))`.execute(tx as WriteHandle);
}
