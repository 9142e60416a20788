import { fromKysely, fromPglite, PgBoss } from "pg-boss";
import type { Logger } from "pino";
import type { Database } from "../database/database.ts";
import { whereApplicationRole } from "../database/migrations.ts";
import type { EmbeddedDatabase } from "../database/pglite.ts";
import type { Job, JobName, Jobs } from "./jobs.ts";

const schema = "jobs";
/** Retries of a failed job and their first pause; pauses double, so the last try is an hour and a half later. */
const retry = { retryLimit: 10, retryDelay: 5, retryBackoff: true } as const;
/** Notifications wake a worker at once; it looks by itself this often for what a lost notification hid. */
const pollingIntervalSeconds = 2;
const connectionsMax = 3;

/** pg-boss on either database. `names` are all queues of the product: made at start, so that every role can enqueue. */
export async function pgBossJobs(database: Database, url: string | undefined, names: readonly string[], logger: Logger): Promise<Jobs> {
  const backend =
    database.kind === "pglite"
      ? { db: fromPglite((database as EmbeddedDatabase).pglite), backend: "pglite" as const }
      : { connectionString: url as string, max: connectionsMax, application_name: "gatehouse jobs" };
  const boss = new PgBoss({ ...backend, schema, useListenNotify: true });
  boss.on("error", (error) => logger.error({ err: error }, "the job queue reported an error"));
  boss.on("warning", (warning) => logger.debug({ warning }, "the job queue warns"));
  await boss.start();
  for (const name of names) await boss.createQueue(name, { ...retry, notify: true });
  await whereApplicationRole(database.owner, `grant usage on schema ${schema} to gatehouse_app`);
  await whereApplicationRole(database.owner, `grant select, insert, update, delete on all tables in schema ${schema} to gatehouse_app`);

  return {
    async work<Payload extends object>(job: Job<Payload>) {
      await boss.work<Payload>(job.name, { pollingIntervalSeconds, batchSize: 1 }, async ([received]) => {
        if (received) await job.handle(received.data ?? ({} as Payload));
      });
      if (job.schedule) await boss.schedule(job.name, job.schedule, {}, { tz: "UTC" });
    },
    async enqueue<Payload extends object>(tx: Parameters<Jobs["enqueue"]>[0], job: JobName<Payload>, payload: Payload) {
      await boss.send(job.name, payload, { db: fromKysely(tx) });
    },
    ping: () => database.ping(),
    close: () => boss.stop({ graceful: true, timeout: 5_000 }),
  };
}
