import { type Kysely, sql } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";

/** Few jobs wait at a time; a backlog is read in pages. */
const pageSize = 500;

/** An interrupted job is not done, so it moves like a waiting one. */
const unfinished = sql`state in ('created', 'retry', 'active')`;

async function hasQueue(db: Kysely<AnyTables>): Promise<boolean> {
  const { rows } = await sql<{ present: boolean }>`select to_regclass('jobs.job') is not null as present`.execute(db);
  return rows[0]?.present ?? false;
}

/** How many jobs of the product wait in a database. */
export async function waitingJobs(db: Kysely<AnyTables>, queues: readonly string[]): Promise<number> {
  if (!(await hasQueue(db))) return 0;
  const { rows } = await sql<{ count: string }>`
    select count(*)::text as count from jobs.job where name = ${anyOf(queues, "text")} and ${unfinished}`.execute(db);
  return Number(rows[0]?.count);
}

/**
 * Enqueues the source's unfinished jobs in the order of their creation, in the import's transaction. Schedules are not
 * moved: each start creates them. Returns the number of jobs.
 */
export async function moveJobs(source: Kysely<AnyTables>, target: WriteHandle, jobs: Jobs, queues: readonly string[]): Promise<number> {
  if (!(await hasQueue(source))) return 0;
  let moved = 0;
  for (;;) {
    const { rows } = await sql<{ name: string; data: object | null }>`
      select name, data from jobs.job where name = ${anyOf(queues, "text")} and ${unfinished}
      order by created_on, id limit ${pageSize} offset ${moved}`.execute(source);
    for (const { name, data } of rows) await jobs.enqueue(target, { name }, data ?? {});
    moved += rows.length;
    if (rows.length < pageSize) return moved;
  }
}
