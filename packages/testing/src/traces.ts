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
 * The number and a hash of the rows of every table, and of the jobs that requests enqueue. What the product does on a
 * schedule leaves entries of its own in the trail at any time; those are no request's.
 */
export async function contentOf(server: TestServer): Promise<Readonly<Record<string, string>>> {
  await server.application.settled();
  const { database } = server.application.platform;
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`.execute(database.owner);
  const digests = tables
    .filter(({ name }) => !changedInBackground.has(name) && !name.startsWith("schema_"))
    .map(
      ({ name }) => sql`
        select ${name}::text as name, count(*) || ' ' || coalesce(sum(hashtextextended((to_jsonb(t) - 'last_active_at')::text, 0)), 0) as digest
        from ${sql.table(name)} t ${tracesIn(name)}`,
    );
  const jobs = sql`
    select 'jobs', count(*)::text from jobs.job where name in ('notifications.send-mail', 'authentication.start-password-reset')`;
  // Row-level security applies to the owner too, if the login is a plain one.
  const { rows } = await database.transact(everyTenant, (tx) =>
    sql<{ name: string; digest: string }>`${sql.join([...digests, jobs], sql` union all `)}`.execute(tx),
  );
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]));
}

/** Runs `work` and expects that it leaves no row, event, audit entry of a change or message. */
export async function withoutTrace<T>(server: TestServer, work: () => Promise<T>): Promise<T> {
  const before = await contentOf(server);
  const result = await work();
  expect(await contentOf(server)).toEqual(before);
  return result;
}
