import { sql } from "kysely";
import { expect } from "vitest";
import { everyTenant } from "../platform/database/database.ts";
import type { TestServer } from "./server.ts";

/** Progress of the background, mails on their way, questions kept for previews: they change without a request. */
const movingByThemselves = new Set(["consumers", "development_mails", "recorded_decisions", "schema_steps_lock"]);

/**
 * The number and a digest of the rows of every table, and of the jobs that requests enqueue. What the product does on a
 * schedule leaves entries of its own in the trail at any time; those are no request's.
 */
export async function contentOf(server: TestServer): Promise<Readonly<Record<string, string>>> {
  await server.application.settled();
  const { database } = server.application.platform;
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`.execute(database.owner);
  const content: Record<string, string> = {};
  // Row-level security holds the owner too where the login is a plain one.
  await database.transact(everyTenant, async (tx) => {
    for (const { name } of tables.filter((table) => !movingByThemselves.has(table.name) && !table.name.startsWith("schema_"))) {
      const { rows } = await sql<{ digest: string }>`
        select count(*) || ' ' || coalesce(md5(string_agg(row, chr(10) order by row)), '') as digest
        from (select (to_jsonb(t) - 'last_active_at')::text as row from ${sql.table(name)} t) rows`.execute(tx);
      content[name] = rows[0]?.digest ?? "";
    }
    const { rows } = await sql<{ jobs: string }>`
      select count(*)::text as jobs from jobs.job where name in ('notifications.send-mail', 'identity.start-password-reset')`.execute(tx);
    content["jobs"] = rows[0]?.jobs ?? "";
  });
  return content;
}

/** Does `work` and proves that it left no trace: no row, event, audit entry or message. */
export async function withoutTrace<T>(server: TestServer, work: () => Promise<T>): Promise<T> {
  const before = await contentOf(server);
  const result = await work();
  expect(await contentOf(server)).toEqual(before);
  return result;
}
