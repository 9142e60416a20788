import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rootFolder } from "../lib/paths.ts";

/** Runs a job for each id, and returns which were done and the seconds from the commit. */
type Does = (ids: readonly string[]) => Promise<{ seconds: number; done: string[] }>;

export interface Queues {
  readonly product: Does;
  readonly bare: Does;
  close(): Promise<void>;
}

const sourceFolder = join(rootFolder, "packages", "server", "src", "platform");
const source = (file: string) => import(pathToFileURL(join(sourceFolder, file)).href);
const queue = "bench";
const withinMs = 120_000;

interface Payload {
  readonly id: string;
}

/** The subset of pg-boss that the reference uses. */
interface Boss {
  on(event: "error", listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string): Promise<unknown>;
  insert(name: string, jobs: readonly { data: Payload }[]): Promise<unknown>;
  fetch(name: string): Promise<{ id: string; data: Payload }[]>;
  complete(name: string, id: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** The product's queue, and its library on a separate database. */
export async function openQueues(databaseUrl: string, bareUrl: string): Promise<Queues> {
  const require = createRequire(join(sourceFolder, "platform.ts"));
  const { openPostgresql } = await source("database/postgresql.ts");
  const { createApplicationRole } = await source("database/migrations.ts");
  const { everyTenant } = await source("database/database.ts");
  const { pgBossJobs } = await source("jobs/pg-boss.ts");
  const logger = require("pino").pino({ level: "warn", messageKey: "message" }, process.stderr);
  const database = openPostgresql({ url: databaseUrl, poolSize: 4 });
  await createApplicationRole(database.owner);
  const product = await pgBossJobs(database, [queue], logger, { url: databaseUrl, works: true });
  let handled: (id: string) => void = () => {};
  await product.work({ name: queue, handle: async ({ id }: Payload) => handled(id) });

  const boss: Boss = new (require("pg-boss").PgBoss)({ connectionString: bareUrl, max: 3, schedule: false });
  boss.on("error", (error) => logger.error({ err: error }, "bare pg-boss reported an error"));
  await boss.start();
  await boss.createQueue(queue);

  return {
    async product(ids) {
      const all = Promise.withResolvers<void>();
      const done: string[] = [];
      handled = (id) => {
        done.push(id);
        if (done.length === ids.length) all.resolve();
      };
      const late = setTimeout(
        () => all.reject(new Error(`${done.length} of ${ids.length} jobs were done within ${withinMs} ms`)),
        withinMs,
      );
      await database.transact(everyTenant, async (tx: unknown) => {
        for (const id of ids) await product.enqueue(tx, { name: queue }, { id });
      });
      const beganAt = performance.now();
      await all.promise.finally(() => clearTimeout(late));
      return { seconds: (performance.now() - beganAt) / 1_000, done };
    },
    async bare(ids) {
      const done: string[] = [];
      await boss.insert(
        queue,
        ids.map((id) => ({ data: { id } })),
      );
      const beganAt = performance.now();
      while (done.length < ids.length) {
        const [job] = await boss.fetch(queue);
        if (job === undefined) throw new Error(`${done.length} of ${ids.length} jobs were there`);
        done.push(job.data.id);
        await boss.complete(queue, job.id);
      }
      return { seconds: (performance.now() - beganAt) / 1_000, done };
    },
    async close() {
      await product.close();
      await boss.stop();
      await database.close();
    },
  };
}
