import { fromKysely, fromPglite, PgBoss } from "pg-boss";
import type { Logger } from "pino";
import type { Database } from "../database/database.ts";
import type { EmbeddedDatabase } from "../database/pglite.ts";
import { connectJobs } from "./connection.ts";
import { failedJobs } from "./failed-jobs.ts";
import type { Job, JobName, JobRetrySchedule, Jobs } from "./jobs.ts";
import { bringTimesBack } from "./pg-boss-times.ts";
import { Workers } from "./pg-boss-workers.ts";
import { reportQueueErrors } from "./report-queue-errors.ts";
import { grantJobs, jobsSchema, jobsSchemaState } from "./schema.ts";

/** Retries of a failed job and their first pause; pauses double, so the last try is an hour and a half later. */
const retryDefault = { retryLimit: 10, retryDelay: 5, retryBackoff: true } as const;
/**
 * A process that works on a job sends two heartbeats in this time. Without them another process takes the job over. Without this setting, a
 * job of a killed process would wait for pg-boss's expiry, a quarter of an hour.
 */
const heartbeatSeconds = 15;
/** How often such jobs are searched; every few seconds, because a person waits for a mail. */
const supervisionSeconds = 10;

export interface JobsOptions {
  /** PostgreSQL's address; undefined if the database is embedded. */
  readonly url: string | undefined;
  /** An address of the same database with session support, if `url` is a pooler's. */
  readonly directUrl?: string | undefined;
  /** The schema of the product's tables. */
  readonly schema?: string | undefined;
  /** Queues of earlier releases. A process that works on jobs deletes them, so that no schedule fills a queue without a worker. */
  readonly retired?: readonly string[];
  /** Whether this process works on jobs. Otherwise it only enqueues, and neither listens nor supervises. */
  readonly works: boolean;
}

/** A queue by its name alone, or with the retry schedule of its jobs. */
// biome-ignore lint/suspicious/noExplicitAny: payloads of every kind
export type Queue = string | JobName<any>;

/**
 * The jobs port with pg-boss on either database. `queues` are all queues of the product, created at start, so that every role can enqueue.
 * If the login may change the queue's schema, it is migrated to this release's version; otherwise it must have that version already.
 */
export async function pgBossJobs(database: Database, queues: readonly Queue[], logger: Logger, options: JobsOptions): Promise<Jobs> {
  const { works, retired = [] } = options;
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
    superviseIntervalSeconds: supervisionSeconds,
    monitorIntervalSeconds: supervisionSeconds,
  });
  boss.on("error", report);
  boss.on("warning", (warning) => logger.debug({ warning }, "the job queue warns"));
  try {
    const broughtBack = works ? await bringTimesBack(database.owner) : 0;
    if (broughtBack > 0) logger.warn({ rows: broughtBack }, "future times of the job queue were set to now");
    await boss.start();
    await createQueues(boss, declared);
    if (works) for (const name of retired) await boss.deleteQueue(name);
    if (mayChange) await grantJobs(database.owner);
  } catch (error) {
    await boss.stop({ graceful: false }).catch(report);
    await backend.close();
    throw error;
  }

  const workers = new Workers(boss, logger);
  const schedules = storedSchedules(boss);
  let stopped: Promise<void> | undefined;
  return {
    async work<Payload extends object>(job: Job<Payload>) {
      await workers.add(job);
      const stored = await schedules();
      if (stored.get(job.name) === job.schedule) return;
      if (job.schedule) await boss.schedule(job.name, job.schedule, {}, { tz: "UTC" });
      else await boss.unschedule(job.name);
      stored.set(job.name, job.schedule);
    },
    suspend: () => workers.suspend(),
    resume: () => workers.resume(),
    async enqueue<Payload extends object>(tx: Parameters<Jobs["enqueue"]>[0], job: JobName<Payload>, payload: Payload) {
      if (!names.includes(job.name)) throw new Error(`no queue is named ${job.name}`);
      await boss.send(job.name, payload, { db: fromKysely(tx) });
    },
    queues: names,
    deadLetters: (queue) => failedJobs(database, boss, queue),
    // Checks the queue's own connections, which the database's ping does not use.
    ping: async () => void (await boss.schemaVersion()),
    close() {
      // Only once: a second stop would wait forever.
      stopped ??= boss.stop({ graceful: true, timeout: 5_000 }).then(() => backend.close());
      return stopped;
    },
  };
}

/** The schedules by queue, read once: a start on a prepared database writes none, which would cost two statements a queue. */
function storedSchedules(boss: PgBoss): () => Promise<Map<string, string | undefined>> {
  let read: Promise<Map<string, string | undefined>> | undefined;
  return () => {
    read ??= boss.getSchedules().then((rows) => new Map(rows.map(({ name, cron }) => [name, cron])));
    return read;
  };
}

/** Opens pg-boss's connection to the database, which is closed after it. */
async function openBackend(database: Database, { url, directUrl, schema }: JobsOptions, onError: (error: unknown) => void) {
  if (database.kind === "pglite") {
    const { pglite } = database as EmbeddedDatabase;
    return { config: { db: fromPglite(pglite), backend: "pglite" as const }, listens: true, close: async () => {} };
  }
  const { db, listens, close } = await connectJobs({ url: url as string, directUrl, schema, onError });
  return { config: { db }, listens, close };
}

const retryOf = ({ times, firstPauseSeconds, longestPauseSeconds }: JobRetrySchedule) => ({
  retryLimit: times,
  retryDelay: firstPauseSeconds,
  retryBackoff: true,
  retryDelayMax: longestPauseSeconds,
});

/** The id of no job: zeros with the version and variant of RFC 9562. */
const noJob = "00000000-0000-4000-8000-000000000000";

/**
 * Creates missing queues, and makes pg-boss cache each of them. Otherwise it would look a queue up at its first
 * job, on its own connection, which on the embedded database waits forever for the enqueuing transaction.
 */
async function createQueues(boss: PgBoss, queues: readonly JobName<object>[]): Promise<void> {
  // pg-boss has cached the queues that existed at its start.
  const present = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]));
  for (const { name, retry: schedule } of queues) {
    const queue = present.get(name);
    const retry = schedule === undefined ? retryDefault : retryOf(schedule);
    if (queue === undefined) {
      await boss.createQueue(name, { ...retry, notify: true, heartbeatSeconds });
      await boss.findJobs(name, { id: noJob });
    } else if (queue.heartbeatSeconds !== heartbeatSeconds || queue.retryLimit !== retry.retryLimit) {
      await boss.updateQueue(name, { ...retry, heartbeatSeconds });
    }
  }
}
