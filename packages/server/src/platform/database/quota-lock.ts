import { sql } from "kysely";
import type { WriteHandle } from "./database.ts";

/**
 * Lets one transaction at a time count and add to what a subject has of something: two that count at once would both find room for
 * the last one. Held until the transaction ends.
 */
export async function lockForQuota<Tables>(tx: WriteHandle<Tables>, what: string, subject: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`quota ${what} ${subject}`}, 0))`.execute(tx as never);
}
