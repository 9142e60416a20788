import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { everyTenant } from "../database/database.ts";
import { jobsConformance } from "./conformance/jobs-conformance.ts";
import { pgBossOn } from "./conformance/pg-boss-on.ts";
import type { Jobs } from "./jobs.ts";
import { pgBossJobs } from "./pg-boss.ts";

jobsConformance("pg-boss on PGlite", () => pgBossOn(() => freshPglite([])));

it("future times in the job queue, left by a clock that was ahead, are set to now at the next start", async () => {
  const fresh = await freshPglite([]);
  const { database } = fresh;
  const begin = () => pgBossJobs(database, ["mails"], silent, { url: fresh.url, works: true });
  const first = await begin();
  await database.transact(everyTenant, (tx) => first.enqueue(tx, { name: "mails" }, {}));
  await first.close();
  await sql`update jobs.version set cron_on = now() + interval '800 days'`.execute(database.owner);
  await sql`update jobs.queue set monitor_on = now() + interval '800 days'`.execute(database.owner);
  await sql`update jobs.job set created_on = now() + interval '800 days', start_after = now() + interval '800 days'`.execute(
    database.owner,
  );
  const second = await begin();
  const done = Promise.withResolvers<void>();
  await second.work({ name: "mails", handle: async () => done.resolve() });
  await done.promise;
  const { rows } = await sql`select from jobs.version where cron_on > now()
    union all select from jobs.queue where monitor_on > now()`.execute(database.owner);
  expect(rows).toEqual([]);
  await second.close();
  await fresh.close();
});

it("a queue of an earlier release is deleted with its schedule and jobs once a process works on jobs", async () => {
  const fresh = await freshPglite([]);
  const { database } = fresh;
  const earlier = await pgBossJobs(database, ["former-name", "current"], silent, { url: fresh.url, works: true });
  await earlier.work({ name: "former-name", schedule: "41 * * * *", handle: async () => {} });
  await earlier.suspend();
  await database.transact(everyTenant, (tx) => earlier.enqueue(tx, { name: "former-name" }, {}));
  await earlier.close();
  const left = async () =>
    (
      await sql<{ found: string }>`select 'queue' as found from jobs.queue where name = 'former-name'
        union all select 'schedule' from jobs.schedule where name = 'former-name'
        union all select 'job' from jobs.job where name = 'former-name'`.execute(database.owner)
    ).rows.map(({ found }) => found);
  const options = { url: fresh.url, retired: ["former-name", "never-there"] };
  await (await pgBossJobs(database, ["current"], silent, { ...options, works: false })).close();
  expect(await left()).toEqual(["queue", "schedule", "job"]);
  await (await pgBossJobs(database, ["current"], silent, { ...options, works: true })).close();
  expect(await left()).toEqual([]);
  await fresh.close();
});

// Needs several processes and logins, which embedded storage does not have.
describeOnPostgresql("the job queue on PostgreSQL", () => {
  jobsConformance("pg-boss on PostgreSQL", () => pgBossOn(() => freshPostgresql([])));
  jobsConformance("pg-boss on PostgreSQL with a plain login", () => pgBossOn(() => freshPostgresql([], "plain")));

  const withDatabase = async (test: (fresh: Fresh) => Promise<void>): Promise<void> => {
    const fresh = await freshPostgresql([]);
    try {
      await test(fresh);
    } finally {
      await fresh.close();
    }
  };

  it(
    "starts in several processes concurrently on an empty database",
    () =>
      withDatabase(async (fresh) => {
        const queues = ["one", "two", "three"];
        const started = await Promise.all(
          Array.from({ length: 4 }, () => pgBossJobs(fresh.another(2), queues, silent, { url: fresh.url, works: true })),
        );
        const { rows } = await sql<{ name: string }>`select name from jobs.queue where name in (${sql.join(queues)}) order by name`.execute(
          fresh.database.owner,
        );
        expect(rows.map((row) => row.name)).toEqual(["one", "three", "two"]);
        await Promise.all(started.map((jobs) => jobs.close()));
      }),
    60_000,
  );

  it(
    "runs each job in one of several processes",
    () =>
      withDatabase(async (fresh) => {
        const done: number[] = [];
        const started: Jobs[] = [];
        for (let process = 0; process < 3; process += 1)
          started.push(await pgBossJobs(fresh.another(2), ["shared"], silent, { url: fresh.url, works: true }));
        for (const jobs of started)
          await jobs.work<{ index: number }>({ name: "shared", handle: async ({ index }) => void done.push(index) });
        await fresh.database.transact(everyTenant, async (tx) => {
          for (let index = 0; index < 12; index += 1) await started[index % 3]?.enqueue(tx, { name: "shared" }, { index });
        });
        await eventually(() => done.toSorted((left, right) => left - right)).toEqual(Array.from({ length: 12 }, (_, index) => index));
        await Promise.all(started.map((jobs) => jobs.close()));
        expect(done).toHaveLength(12);
      }),
    60_000,
  );

  it(
    "continues by itself without losing a job after a database outage",
    () =>
      withDatabase(async (fresh) => {
        const wire = await wireTo(fresh.url as string);
        const jobs = await pgBossJobs(fresh.database, ["current"], silent, { url: wire.url, works: true });
        const done: object[] = [];
        await jobs.work({ name: "current", handle: async (payload) => void done.push(payload) });
        await fresh.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: "current" }, { n: 1 }));
        await eventually(() => done).toEqual([{ n: 1 }]);
        await wire.cut();
        await fresh.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: "current" }, { n: 2 }));
        await wire.mend();
        await eventually(() => done).toEqual([{ n: 1 }, { n: 2 }]);
        await jobs.close();
        await wire.close();
      }),
    60_000,
  );

  it(
    "takes over a job whose process was killed",
    () =>
      withDatabase(async (fresh) => {
        const start = () => pgBossJobs(fresh.another(2), ["orphaned"], silent, { url: fresh.url, works: true });
        const enqueuing = await start();
        await fresh.database.transact(everyTenant, (tx) => enqueuing.enqueue(tx, { name: "orphaned" }, { n: 1 }));
        await enqueuing.close();
        // The state that a process leaves that was killed after it has fetched the job.
        const { numAffectedRows } = await sql`update jobs.job set state = 'active', started_on = now() - interval '20 seconds',
          heartbeat_on = now() - interval '20 seconds' where name = 'orphaned'`.execute(fresh.database.owner);
        expect(numAffectedRows).toBe(1n);
        const done: object[] = [];
        const jobs = await start();
        await jobs.work({ name: "orphaned", handle: async (payload) => void done.push(payload) });
        // Supervision every ten seconds, and the pause before a second attempt.
        await expect.poll(() => done, { timeout: 45_000, interval: 50 }).toEqual([{ n: 1 }]);
        await jobs.close();
      }),
    60_000,
  );

  it(
    "hides a job from other connections until its transaction has committed",
    () =>
      withDatabase(async (fresh) => {
        const jobs = await pgBossJobs(fresh.database, ["uncommitted"], silent, { url: fresh.url, works: true });
        const done: object[] = [];
        await jobs.work({ name: "uncommitted", handle: async (payload) => void done.push(payload) });
        await fresh.database.transact(everyTenant, async (tx) => {
          await jobs.enqueue(tx, { name: "uncommitted" }, { n: 1 });
          const { rows } = await sql`select 1 from jobs.job where name = 'uncommitted'`.execute(fresh.database.owner);
          expect(rows).toEqual([]);
          expect(done).toEqual([]);
        });
        await eventually(() => done).toEqual([{ n: 1 }]);
        await jobs.close();
      }),
    60_000,
  );
});
