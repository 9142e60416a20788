import { sql } from "kysely";
import { expect } from "vitest";
import { everyTenant } from "../../server/src/platform/database/database.ts";
import type { TestServer } from "./server.ts";

/** Tables that the chain appender writes in the background. */
export const appendedInBackground = [
  "audit_records",
  "audit_personal",
  "audit_chains",
  "audit_checkpoints",
  "audit_progress",
  "audit_person_keys",
  "audit_signing_keys",
] as const;

/** Tables that change without a request: positions of background work, sent mails, decisions recorded for previews. */
const changedInBackground = new Set([
  "broker_consumers",
  "consumers",
  "log_removals",
  "relays",
  "development_mails",
  // Ids of RPC messages, also of refused commands.
  "rpc_calls",
  "recorded_decisions",
  "schema_steps_lock",
  ...appendedInBackground,
]);

/**
 * Audit entries of changes by requests. Refusals and reads of sensitive data are audited without a change, and scheduled work may write
 * entries at any time.
 */
export const tracesIn = (table: string) => (table === "audit_entries" ? sql`where with_change and caller_kind <> 'system'` : sql``);

/**
 * The count and a digest of the rows of every table, and the count of the jobs that requests enqueue. Entries that scheduled work writes to the
 * audit log are left out.
 */
export async function contentOf(server: TestServer): Promise<Readonly<Record<string, string>>> {
  await server.application.settled();
  const { database } = server.application.platform;
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`.execute(database.owner);
  const content: Record<string, string> = {};
  // Row-level security applies to the owner too, if the login is a plain one.
  await database.transact(everyTenant, async (tx) => {
    for (const { name } of tables.filter((table) => !changedInBackground.has(table.name) && !table.name.startsWith("schema_"))) {
      const { rows } = await sql<{ digest: string }>`
        select count(*) || ' ' || coalesce(md5(string_agg(row, chr(10) order by row)), '') as digest
        from (select (to_jsonb(t) - 'last_active_at')::text as row from ${sql.table(name)} t ${tracesIn(name)}) rows`.execute(tx);
      content[name] = rows[0]?.digest ?? "";
    }
    const { rows } = await sql<{ jobs: string }>`
      select count(*)::text as jobs from jobs.job where name in ('notifications.send-mail', 'authentication.start-password-reset')`.execute(
      tx,
    );
    content["jobs"] = rows[0]?.jobs ?? "";
  });
  return content;
}

/** Runs `work` and expects that it leaves no row, event, audit entry of a change or message. */
export async function withoutTrace<T>(server: TestServer, work: () => Promise<T>): Promise<T> {
  const before = await contentOf(server);
  const result = await work();
  expect(await contentOf(server)).toEqual(before);
  return result;
}
