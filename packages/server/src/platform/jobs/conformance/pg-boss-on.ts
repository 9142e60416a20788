import type { Fresh } from "@gatehouse/testing/databases.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { pgBossJobs } from "../pg-boss.ts";
import type { JobsUnderTest } from "./jobs-conformance.ts";

/** pg-boss on a database, for the contract of the jobs port. */
export const pgBossOn = async (make: () => Promise<Fresh>): Promise<JobsUnderTest> => {
  const fresh = await make();
  const { database } = fresh;
  return {
    database,
    start: (queues) => pgBossJobs(database, queues, silent, { url: fresh.url, works: true }),
    letTimePass: async (queue) =>
      void (await sql`update jobs.job set start_after = now() where name = ${queue} and state = 'retry'`.execute(database.owner)),
    waiting: async (queue) => {
      const { rows } = await sql<{ data: unknown; tries: number }>`
        select data, retry_count as tries from jobs.job where name = ${queue} and state in ('created', 'retry') order by created_on, id`.execute(
        database.owner,
      );
      return rows;
    },
    scheduleOf: async (queue) => {
      const { rows } = await sql<{
        cron: string;
        timezone: string;
      }>`select cron, timezone from jobs.schedule where name = ${queue}`.execute(database.owner);
      return rows[0];
    },
    close: () => fresh.close(),
  };
};
