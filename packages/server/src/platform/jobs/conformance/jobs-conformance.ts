import { randomBytes, randomUUID } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, everyTenant, tenantScope } from "../../database/database.ts";
import type { DeadLetter } from "../../dead-letters.ts";
import { NonRetryableError } from "../../non-retryable-error.ts";
import type { Jobs } from "../jobs.ts";

export interface JobsUnderTest {
  readonly database: Database;
  /** Starts the adapter with these queues, as a process would; the contract closes it. */
  start(queues: readonly string[]): Promise<Jobs>;
  /** Makes every job that waits for a retry due now. */
  letTimePass(queue: string): Promise<void>;
  /** The unfinished jobs of a queue. */
  waiting(queue: string): Promise<readonly { readonly data: unknown; readonly tries: number }[]>;
  /** The stored schedule of a queue, or undefined. */
  scheduleOf(queue: string): Promise<{ readonly cron: string; readonly timezone: string } | undefined>;
  close(): Promise<void>;
}

/** The contract of the jobs port, for every adapter. */
export function jobsConformance(name: string, make: () => Promise<JobsUnderTest>): void {
  describe(`jobs: ${name}`, () => {
    let made: JobsUnderTest;
    let queue = "";
    const started: Jobs[] = [];
    beforeAll(async () => {
      made = await make();
    }, 60_000);
    beforeEach(() => {
      queue = `contract.${randomBytes(6).toString("hex")}`;
    });
    afterEach(async () => {
      await Promise.all(started.splice(0).map((jobs) => jobs.close()));
    });
    afterAll(() => made?.close());

    const start = async (queues: readonly string[] = [queue]): Promise<Jobs> => {
      const jobs = await made.start(queues);
      started.push(jobs);
      return jobs;
    };

    it("takes no job while it is suspended, and continues when it is resumed", async () => {
      const jobs = await start();
      const done: number[] = [];
      await jobs.suspend();
      await jobs.work<{ index: number }>({ name: queue, handle: async ({ index }) => void done.push(index) });
      await made.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, { index: 1 }));
      // Longer than a worker's polling interval.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(done).toEqual([]);
      await jobs.resume();
      await eventually(() => done).toEqual([1]);
    });

    it("runs an enqueued job with its unchanged payload", async () => {
      const jobs = await start();
      const done: object[] = [];
      await jobs.work({ name: queue, handle: async (payload) => void done.push(payload) });
      const payload = { text: "“ünïcode” \u{1F511}", number: 1.5, nothing: null, list: [1, { two: 2 }], yes: true };
      await made.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, payload));
      await eventually(() => done).toEqual([payload]);
      await eventually(() => made.waiting(queue)).toEqual([]);
    });

    it("runs a job only after the commit of its transaction", async () => {
      const jobs = await start();
      await made.database.transact(everyTenant, async (tx) => {
        await jobs.enqueue(tx, { name: queue }, { n: 1 });
      });
      expect(await made.waiting(queue)).toEqual([{ data: { n: 1 }, tries: 0 }]);
    });

    it("runs no job of a transaction that was rolled back", async () => {
      const jobs = await start();
      const done: object[] = [];
      const failure = new Error("the command failed");
      await expect(
        made.database.transact(everyTenant, async (tx) => {
          await jobs.enqueue(tx, { name: queue }, { of: "the failed one" });
          throw failure;
        }),
      ).rejects.toBe(failure);
      expect(await made.waiting(queue)).toEqual([]);
      await made.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, { of: "the next" }));
      await jobs.work({ name: queue, handle: async (payload) => void done.push(payload) });
      await eventually(() => done).toEqual([{ of: "the next" }]);
    });

    it("accepts a job in a transaction of any scope", async () => {
      const jobs = await start();
      for (const scope of [tenantScope("0198a000-0000-7000-8000-0000000000aa"), { tenant: "none" }, everyTenant]) {
        await made.database.transact(scope, (tx) => jobs.enqueue(tx, { name: queue }, { tenant: scope.tenant }));
      }
      expect(await made.waiting(queue)).toHaveLength(3);
    });

    it("runs each of many jobs once, and none of another queue", async () => {
      const other = `${queue}.other`;
      const jobs = await start([queue, other]);
      const done: number[] = [];
      await made.database.transact(everyTenant, async (tx) => {
        for (let index = 0; index < 5; index += 1) await jobs.enqueue(tx, { name: queue }, { index });
        await jobs.enqueue(tx, { name: other }, { index: 99 });
      });
      await jobs.work<{ index: number }>({ name: queue, handle: async ({ index }) => void done.push(index) });
      await eventually(() => done.toSorted()).toEqual([0, 1, 2, 3, 4]);
      expect(await made.waiting(other)).toHaveLength(1);
    }, 30_000);

    it("retries a failed job later, and completes it on success", async () => {
      const jobs = await start();
      const tries: object[] = [];
      await made.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, { n: 1 }));
      await jobs.work({
        name: queue,
        handle: async (payload) => {
          tries.push(payload);
          if (tries.length < 3) throw new Error("not yet");
        },
      });
      await eventually(() => tries).toHaveLength(1);
      for (const count of [2, 3]) {
        await eventually(async () => (await made.waiting(queue)).map((job) => job.tries)).toEqual([count - 2]);
        expect(tries).toHaveLength(count - 1);
        await made.letTimePass(queue);
        await eventually(() => tries).toHaveLength(count);
      }
      expect(tries).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
      await eventually(() => made.waiting(queue)).toEqual([]);
    }, 60_000);

    it("continues with the next job when one fails", async () => {
      const jobs = await start();
      const done: object[] = [];
      await made.database.transact(everyTenant, async (tx) => {
        await jobs.enqueue(tx, { name: queue }, { bad: true });
        await jobs.enqueue(tx, { name: queue }, { bad: false });
      });
      await jobs.work<{ bad: boolean }>({
        name: queue,
        handle: async (payload) => {
          if (payload.bad) throw new Error("always");
          done.push(payload);
        },
      });
      await eventually(() => done).toEqual([{ bad: false }]);
    }, 30_000);

    it("keeps a job that has failed for good as a dead letter, which can be listed, redriven or dropped", async () => {
      const jobs = await start();
      let works = false;
      const done: object[] = [];
      await made.database.transact(everyTenant, async (tx) => {
        for (const n of [1, 2, 3]) await jobs.enqueue(tx, { name: queue }, { n });
      });
      await jobs.work({
        name: queue,
        async handle(payload) {
          if (!works) throw new NonRetryableError("no use \u0000 of postgres://me:secret@host");
          done.push(payload);
        },
      });
      const letters = jobs.deadLetters(queue);
      await eventually(() => letters.count()).toBe(3);
      const first = await letters.list({ limit: 2 });
      const second = await letters.list({ limit: 2, after: first.next as string });
      const all = [...first.items, ...second.items];
      expect(second.next).toBeNull();
      expect(all.map(({ body }) => JSON.parse(body).n).toSorted()).toEqual([1, 2, 3]);
      expect(all[0]).toMatchObject({ topic: queue, attempts: 1, failure: "no use \uFFFD of postgres://me:[secret]@host" });
      for (const id of ["no-uuid", randomUUID()]) {
        expect(await letters.redrive(id)).toBe(false);
        expect(await letters.drop(id)).toBe(false);
      }
      expect(await letters.list({ limit: 2, after: "no-uuid" })).toEqual({ items: [], next: null });

      works = true;
      const [dropped, one] = all as [DeadLetter, DeadLetter];
      expect(await letters.drop(dropped.id)).toBe(true);
      expect(await letters.redrive(one.id)).toBe(true);
      await eventually(() => done).toEqual([JSON.parse(one.body)]);
      expect(await letters.redriveAll()).toBe(1);
      await eventually(() => done).toHaveLength(2);
      await eventually(() => letters.count()).toBe(0);
    }, 60_000);

    it("keeps waiting jobs over a restart", async () => {
      const before = await made.start([queue]);
      await made.database.transact(everyTenant, (tx) => before.enqueue(tx, { name: queue }, { n: 1 }));
      await before.close();
      const done: object[] = [];
      await (await start()).work({ name: queue, handle: async (payload) => void done.push(payload) });
      await eventually(() => done).toEqual([{ n: 1 }]);
    });

    it("finishes a running job before it is closed", async () => {
      const jobs = await made.start([queue]);
      const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let finished = false;
      await made.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, {}));
      await jobs.work({
        name: queue,
        handle: async () => {
          entered.resolve();
          await goOn.promise;
          finished = true;
        },
      });
      await entered.promise;
      const closed = jobs.close();
      goOn.resolve();
      await closed;
      expect(finished).toBe(true);
      expect(await made.waiting(queue)).toEqual([]);
    }, 30_000);

    it("registers a schedule in UTC, replaces it by another, and deletes it when the job has none any more", async () => {
      const handle = async () => {};
      await (await start()).work({ name: queue, schedule: "*/5 * * * *", handle });
      expect(await made.scheduleOf(queue)).toEqual({ cron: "*/5 * * * *", timezone: "UTC" });
      await (await start()).work({ name: queue, schedule: "0 3 * * *", handle });
      expect(await made.scheduleOf(queue)).toEqual({ cron: "0 3 * * *", timezone: "UTC" });
      await (await start()).work({ name: queue, handle });
      expect(await made.scheduleOf(queue)).toBeUndefined();
    }, 30_000);

    it("rejects an invalid schedule", async () => {
      const jobs = await start();
      await expect(jobs.work({ name: queue, schedule: "every morning", handle: async () => {} })).rejects.toThrow();
      expect(await made.scheduleOf(queue)).toBeUndefined();
    });

    it("rejects a job for an undeclared queue, and its transaction", async () => {
      const jobs = await start();
      await expect(
        made.database.transact(everyTenant, async (tx) => {
          await jobs.enqueue(tx, { name: queue }, {});
          await jobs.enqueue(tx, { name: "never.declared" }, {});
        }),
      ).rejects.toThrow();
      expect(await made.waiting(queue)).toEqual([]);
    });

    it("answers a ping while it can accept jobs", async () => {
      await expect((await start()).ping()).resolves.toBeUndefined();
    });
  });
}
