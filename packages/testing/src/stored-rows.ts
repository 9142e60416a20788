import { type Kysely, sql } from "kysely";
import { expect } from "vitest";
import type { TestServer } from "./server.ts";
import { appendedInBackground, tracesIn } from "./traces.ts";

/** Rows of every table, by table. */
export type Rows = ReadonlyMap<string, readonly string[]>;

/** Tables that change in the background: positions of consumers and the relay, schema steps, decisions recorded for previews. */
const changedInBackground = new Set([
  "public.broker_consumers",
  "public.consumers",
  "public.relays",
  "public.schema_steps",
  "public.schema_steps_lock",
  // Ids of RPC messages, also of refused commands.
  "public.rpc_calls",
  "public.recorded_decisions",
  // Counted calls are written every few seconds.
  "public.api_key_usage",
  ...appendedInBackground.map((table) => `public.${table}`),
]);

/** Columns with the time of the last use, which is written every few seconds. */
const usageColumnsOf = (table: string): readonly string[] => (table === "public.api_keys" ? ["last_used_at"] : ["last_active_at"]);

/** Every row of every table, and every job that is not on a schedule. */
export async function rowsOf(server: TestServer): Promise<Rows> {
  const db = server.application.platform.database.owner as Kysely<never>;
  const { rows: tables } = await sql<{ name: string }>`select table_schema || '.' || table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`.execute(db);
  const queries = tables
    .filter(({ name }) => !changedInBackground.has(name))
    .map(
      ({ name }) =>
        sql`select ${name}::text as name, (to_jsonb(t) - ${usageColumnsOf(name)}::text[])::text as row from ${sql.table(name)} t ${tracesIn(name.replace("public.", ""))}`,
    );
  const jobs = sql`select 'jobs' as name, j.name || ' ' || j.id as row from jobs.job j
    where j.name not like '\\_\\_%' and j.name not in (select name from jobs.schedule)`;
  const { rows } = await sql<{ name: string; row: string }>`${sql.join([...queries, jobs], sql` union all `)}`.execute(db);
  const byTable = Map.groupBy(rows, ({ name }) => name);
  return new Map([...byTable].map(([name, found]) => [name, found.map(({ row }) => row).sort()]));
}

/** Resolves when all events are handled and all jobs are done. */
export async function quiet(server: TestServer): Promise<void> {
  await server.application.settled();
  const deadline = Date.now() + 15_000;
  for (;;) {
    const { rows } = await sql<{ open: string }>`select count(*)::text as open from jobs.job j
      where j.state < 'completed' and j.name not like '\\_\\_%' and j.name not in (select name from jobs.schedule)`.execute(
      server.application.platform.database.owner,
    );
    if (rows[0]?.open === "0") return;
    if (Date.now() > deadline) throw new Error("jobs are still open");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The differences, by table. */
export function changes(before: Rows, after: Rows): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((table) => {
    const was = new Set(before.get(table));
    const is = new Set(after.get(table));
    return [
      ...[...is].filter((row) => !was.has(row)).map((row) => `${table} has now ${row}`),
      ...[...was].filter((row) => !is.has(row)).map((row) => `${table} no longer has ${row}`),
    ];
  });
}

/** Runs `work` and expects that it leaves no row, event, audit entry, job or mail. */
export async function leavesNoTrace<T>(server: TestServer, what: string, work: () => Promise<T>): Promise<T> {
  await quiet(server);
  const before = await rowsOf(server);
  const result = await work();
  await quiet(server);
  expect(changes(before, await rowsOf(server)), `${what} left a trace`).toEqual([]);
  return result;
}
