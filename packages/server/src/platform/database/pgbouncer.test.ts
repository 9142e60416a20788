import { describeOnPostgresql, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { type OwnPgbouncer, startPgbouncer, whyNoPgbouncer } from "@gatehouse/testing/pgbouncer.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jobsConformance } from "../jobs/conformance/jobs-conformance.ts";
import { pgBossOn } from "../jobs/conformance/pg-boss-on.ts";
import { pgBossJobs } from "../jobs/pg-boss.ts";
import { databaseConformance, databaseContractSteps } from "./conformance/database-conformance.ts";
import { migrate } from "./migrations.ts";
import { isPooled } from "./pooler.ts";

const serverUrl = process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

// A pooler needs a real server.
describeOnPostgresql("a database behind PgBouncer in transaction mode", () => {
  describe.skipIf(whyNoPgbouncer !== undefined)(
    whyNoPgbouncer ? `(skipped: ${whyNoPgbouncer})` : "with its package's configuration",
    () => {
      let pgbouncer: OwnPgbouncer;
      beforeAll(async () => {
        pgbouncer = await startPgbouncer(serverUrl);
      });
      afterAll(() => pgbouncer?.close());
      const behind = (steps: typeof databaseContractSteps) =>
        freshPostgresql(steps, "superuser", 6, { through: (url) => pgbouncer.urlOf(url) });

      databaseConformance("PostgreSQL behind PgBouncer", () => behind(databaseContractSteps));

      jobsConformance("pg-boss behind PgBouncer, without a session", () => pgBossOn(() => behind([])));

      it("notifies the job queue if a direct address is configured; otherwise the queue polls", async () => {
        const fresh = await behind([]);
        try {
          const direct = new URL(serverUrl);
          direct.pathname = new URL(fresh.url as string).pathname;
          const listeners = async (directUrl: string | undefined): Promise<number> => {
            const jobs = await pgBossJobs(fresh.database, ["one"], silent, { url: fresh.url, directUrl, works: true });
            const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
            where datname = current_database() and query ilike 'listen%'`.execute(fresh.database.owner);
            await jobs.close();
            return rows[0]?.count ?? -1;
          };
          expect(await listeners(undefined)).toBe(0);
          expect(await listeners(direct.href)).toBe(1);
        } finally {
          await fresh.close();
        }
      });

      it("is detected as pooled, and a direct server is not", async () => {
        expect(await isPooled(serverUrl)).toBe(false);
        expect(await isPooled(pgbouncer.urlOf(serverUrl))).toBe(true);
      });

      it("is migrated once when several processes start concurrently, without a remaining lock", async () => {
        const fresh = await behind([]);
        try {
          const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(fresh.another(2).owner, databaseContractSteps)));
          expect(reports.filter(({ alreadyCurrent }) => !alreadyCurrent)).toHaveLength(1);
          const { rows } = await sql<{ locks: number }>`
          select count(*)::int as locks from pg_locks where locktype = 'advisory' and database =
            (select oid from pg_database where datname = current_database())`.execute(fresh.database.owner);
          expect(rows).toEqual([{ locks: 0 }]);
        } finally {
          await fresh.close();
        }
      });

      it("applies our limits in transactions", async () => {
        const fresh = await behind([]);
        try {
          const { rows } = await fresh.database.transact({ tenant: "none" }, (tx) =>
            sql<{ statement: string; idle: string }>`select current_setting('statement_timeout') as statement,
            current_setting('idle_in_transaction_session_timeout') as idle`.execute(tx),
          );
          expect(rows).toEqual([{ statement: "10s", idle: "10s" }]);
        } finally {
          await fresh.close();
        }
      });
    },
  );
});
