import { fromKysely, fromPglite, PgBoss } from "pg-boss";
import type { Logger } from "pino";
import type { Database } from "../database/database.ts";
import { whereApplicationRole } from "../database/migrations.ts";
import type { EmbeddedDatabase } from "../database/pglite.ts";
import type { Job, JobName, Jobs } from "./jobs.ts";

const schema = "jobs";
/** Retries of a failed job and their first pause; pauses double, so the last try is an hour and a half later. */
const retry = { retryLimit: 10, retryDelay: 5, retryBackoff: true } as const;
/**
 * A notification wakes a worker at once. It looks by itself this often for what is not notified of: a try that is due
 * again, or what a lost notification hid.
 */
const looksEverySeconds = 2;
const looks = { pollingIntervalSeconds: looksEverySeconds, notifyPollingIntervalSeconds: looksEverySeconds, batchSize: 1 } as const;
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
  await createQueues(boss, names);
  await whereApplicationRole(database.owner, `grant usage on schema ${schema} to gatehouse_app`);
  await whereApplicationRole(database.owner, `grant select, insert, update, delete on all tables in schema ${schema} to gatehouse_app`);

  return {
    async work<Payload extends object>(job: Job<Payload>) {
      const worker: { id?: string } = {};
      worker.id = await boss.work<Payload>(job.name, looks, async ([received]) => {
        if (!received) return;
        // Where one was found there may be another: a transaction that enqueues many notifies once.
        if (worker.id !== undefined) boss.notifyWorker(worker.id);
        await job.handle(received.data ?? ({} as Payload));
      });
      if (job.schedule) await boss.schedule(job.name, job.schedule, {}, { tz: "UTC" });
      else await boss.unschedule(job.name);
    },
    async enqueue<Payload extends object>(tx: Parameters<Jobs["enqueue"]>[0], job: JobName<Payload>, payload: Payload) {
      if (!names.includes(job.name)) throw new Error(`no queue is named ${job.name}`);
      await boss.send(job.name, payload, { db: fromKysely(tx) });
    },
    ping: () => database.ping(),
    close: () => boss.stop({ graceful: true, timeout: 5_000 }),
  };
}

/** Answers to no job: version 4 and variant as RFC 9562 wants them, and otherwise zeros. */
const noJob = "00000000-0000-4000-8000-000000000000";

/**
 * Makes the queues that are missing, and lets pg-boss know each of them. It would otherwise look a queue up at its first
 * job, on its own connection, which on the embedded database waits for the transaction that enqueues, forever.
 */
async function createQueues(boss: PgBoss, names: readonly string[]): Promise<void> {
  // What pg-boss found at its own start it knows.
  const present = new Set((await boss.getQueues()).map((queue) => queue.name));
  for (const name of names) {
    if (present.has(name)) continue;
    await boss.createQueue(name, { ...retry, notify: true });
    await boss.findJobs(name, { id: noJob });
  }
}
