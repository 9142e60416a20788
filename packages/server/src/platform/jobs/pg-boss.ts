import { fromKysely, fromPglite, PgBoss } from "pg-boss";
import type { Logger } from "pino";
import type { Database } from "../database/database.ts";
import type { EmbeddedDatabase } from "../database/pglite.ts";
import { connectJobs } from "./connection.ts";
import { failedJobs } from "./failed-jobs.ts";
import type { Job, JobName, Jobs, Patience } from "./jobs.ts";
import { bringTimesBack } from "./pg-boss-times.ts";
import { Workers } from "./pg-boss-workers.ts";
import { reportQueueErrors } from "./report-queue-errors.ts";
import { grantJobs, jobsSchema, jobsSchemaState } from "./schema.ts";

/** Retries of a failed job and their first pause; pauses double, so the last try is an hour and a half later. */
const retryDefault = { retryLimit: 10, retryDelay: 5, retryBackoff: true } as const;
/**
 * A process that works on a job says so twice in this time. One that was killed does not, and another takes the job up: without it a
 * job would wait for pg-boss's expiry, a quarter of an hour.
 */
const heartbeatSeconds = 15;
/** How often it is looked for such jobs; every few seconds, because somebody waits for their mail. */
const looksForLostEverySeconds = 10;

export interface JobsOptions {
  /** Of PostgreSQL; undefined where the database is embedded. */
  readonly url: string | undefined;
  /** An address of the same database that gives a session, where `url` is a pooler's. */
  readonly directUrl?: string | undefined;
  /** The schema of the product's tables. */
  readonly schema?: string | undefined;
  /** Whether this process works on jobs. One that does not only enqueues: it neither listens nor supervises. */
  readonly works: boolean;
}

/** A queue by its name alone, or with the patience of its jobs. */
// biome-ignore lint/suspicious/noExplicitAny: payloads of every kind
export type Queue = string | JobName<any>;

/**
 * pg-boss on either database. `queues` are all queues of the product: made at start, so that every role can enqueue. Where the login may
 * change the queue's schema it is brought to this release's version; where not, it must have that version already.
 */
export async function pgBossJobs(database: Database, queues: readonly Queue[], logger: Logger, options: JobsOptions): Promise<Jobs> {
  const { works } = options;
  const declared = queues.map((queue) => (typeof queue === "string" ? { name: queue } : queue));
  const names = declared.map(({ name }) => name);
  const { present, mayChange } = await jobsSchemaState(database.owner);
  const report = reportQueueErrors(logger);
  const backend = await openBackend(database, options, report);
  const boss = new PgBoss({
    ...backend.config,
    schema: jobsSchema,
    migrate: mayChange,
    createSchema: !present,
    useListenNotify: works && backend.listens,
    supervise: works,
    schedule: works,
    superviseIntervalSeconds: looksForLostEverySeconds,
    monitorIntervalSeconds: looksForLostEverySeconds,
  });
  boss.on("error", report);
  boss.on("warning", (warning) => logger.debug({ warning }, "the job queue warns"));
  try {
    const broughtBack = works ? await bringTimesBack(database.owner) : 0;
    if (broughtBack > 0) logger.warn({ rows: broughtBack }, "times of the job queue that lay in the future were set to now");
    await boss.start();
    await createQueues(boss, declared);
    if (mayChange) await grantJobs(database.owner);
  } catch (error) {
    await boss.stop({ graceful: false }).catch(report);
    await backend.close();
    throw error;
  }

  const workers = new Workers(boss, logger);
  let stopped: Promise<void> | undefined;
  return {
    async work<Payload extends object>(job: Job<Payload>) {
      await workers.add(job);
      if (job.schedule) await boss.schedule(job.name, job.schedule, {}, { tz: "UTC" });
      else await boss.unschedule(job.name);
    },
    suspend: () => workers.suspend(),
    resume: () => workers.resume(),
    async enqueue<Payload extends object>(tx: Parameters<Jobs["enqueue"]>[0], job: JobName<Payload>, payload: Payload) {
      if (!names.includes(job.name)) throw new Error(`no queue is named ${job.name}`);
      await boss.send(job.name, payload, { db: fromKysely(tx) });
    },
    queues: names,
    deadLetters: (queue) => failedJobs(database, boss, queue),
    // On the queue's own connections, of which the database's ping says nothing.
    ping: async () => void (await boss.schemaVersion()),
    close() {
      // Once: a second stop waits for ever for what the first has ended.
      stopped ??= boss.stop({ graceful: true, timeout: 5_000 }).then(() => backend.close());
      return stopped;
    },
  };
}

/** How pg-boss reaches the database, and what is to be closed after it. */
async function openBackend(database: Database, { url, directUrl, schema }: JobsOptions, onError: (error: unknown) => void) {
  if (database.kind === "pglite") {
    const { pglite } = database as EmbeddedDatabase;
    return { config: { db: fromPglite(pglite), backend: "pglite" as const }, listens: true, close: async () => {} };
  }
  const { db, listens, close } = await connectJobs({ url: url as string, directUrl, schema, onError });
  return { config: { db }, listens, close };
}

const retryOf = ({ times, firstPauseSeconds, longestPauseSeconds }: Patience) => ({
  retryLimit: times,
  retryDelay: firstPauseSeconds,
  retryBackoff: true,
  retryDelayMax: longestPauseSeconds,
});

/** Answers to no job: version 4 and variant as RFC 9562 wants them, and otherwise zeros. */
const noJob = "00000000-0000-4000-8000-000000000000";

/**
 * Makes the queues that are missing, and lets pg-boss know each of them. It would otherwise look a queue up at its first
 * job, on its own connection, which on the embedded database waits for the transaction that enqueues, forever.
 */
async function createQueues(boss: PgBoss, queues: readonly JobName<object>[]): Promise<void> {
  // What pg-boss found at its own start it knows.
  const present = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]));
  for (const { name, patience } of queues) {
    const queue = present.get(name);
    const retry = patience === undefined ? retryDefault : retryOf(patience);
    if (queue === undefined) {
      await boss.createQueue(name, { ...retry, notify: true, heartbeatSeconds });
      await boss.findJobs(name, { id: noJob });
    } else if (queue.heartbeatSeconds !== heartbeatSeconds || queue.retryLimit !== retry.retryLimit) {
      await boss.updateQueue(name, { ...retry, heartbeatSeconds });
    }
  }
}
