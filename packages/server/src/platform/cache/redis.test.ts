import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { wireTo } from "../contract/proxy.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "../contract/redis.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import type { Cache, Mark } from "./cache.ts";
import { cacheContract } from "./contract/cache-contract.ts";
import { redisCache } from "./redis.ts";

const entry = (key: string, value: string, version = 1n) => ({ key, value, version, ttlSeconds: 60 });
/** What a policy gives a call, and as much again for the machine that the tests share. */
const soonMs = 400;

describeOnRedis("on a Redis", () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.close());
  beforeEach(() => redis.raw.flushall());

  const open = async (url?: string): Promise<Cache> => redisCache(await redis.connect(url), createResilience(createMetrics()));

  cacheContract("Redis", async () => {
    await redis.raw.flushall();
    return open();
  });

  describe("a copy that was lost or is old", () => {
    it("has no mark after it was flushed, and takes no fill from before", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a")], { after: 0, to: 1 });
      const { mark } = await cache.read([]);
      await redis.raw.flushall();
      expect(await cache.read(["a"])).toEqual({ mark: null, entries: [null] });
      expect(await cache.fill([entry("a", "of a")], mark as Mark)).toBe(false);
      expect(await cache.write([entry("b", "of b")], { after: 1, to: 2 })).toBe(false);
    });

    it("that was restored from an old file shows its old mark, and the next write ends it", async () => {
      const cache = await open();
      await cache.write([entry("a", "old")], { after: 0, to: 1 });
      const [oldMark, oldValue] = await redis.raw.mget("iam:read-model:mark", "a");
      await cache.write([entry("a", "new", 2n)], { after: 1, to: 2 });
      await redis.raw.mset("iam:read-model:mark", oldMark as string, "a", oldValue as string);
      expect((await cache.read(["a"])).mark?.number).toBe(1);
      expect(await cache.write([entry("b", "of b", 3n)], { after: 2, to: 3 })).toBe(false);
      expect((await cache.read(["a", "b"])).entries.map((each) => each?.value ?? null)).toEqual([null, "of b"]);
    });

    it("is not believed where somebody has written something else under its keys", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a")], { after: 0, to: 1 });
      await redis.raw.set("a", "nothing of ours");
      expect((await cache.read(["a"])).entries).toEqual([null]);
      await redis.raw.set("iam:read-model:mark", "nonsense");
      expect(await cache.read(["a"])).toEqual({ mark: null, entries: [null] });
    });
  });

  describe("a Redis that is away", () => {
    it.each(["holds", "cuts"] as const)(
      "that %s every connection: each call ends within its time, and it answers again without a restart",
      async (how) => {
        const wire = await wireTo(redis.url);
        const cache = await open(wire.url);
        try {
          await cache.write([entry("a", "of a")], { after: 0, to: 1 });
          const { mark } = await cache.read([]);
          if (how === "holds") wire.hold();
          else await wire.cut();
          const calls = [
            () => cache.read(["a"]),
            () => cache.fill([entry("a", "of a")], mark as Mark),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
          ];
          for (const call of calls) {
            const began = performance.now();
            await expect(call()).rejects.toThrow(Unavailable);
            expect(performance.now() - began).toBeLessThan(soonMs);
          }
          // The circuit is open by now: nobody waits any more.
          const began = performance.now();
          await Promise.allSettled(Array.from({ length: 100 }, () => cache.read(["a"])));
          expect(performance.now() - began).toBeLessThan(soonMs);
          if (how === "holds") wire.release();
          else await wire.mend();
          await expect
            .poll(
              () =>
                cache.read(["a"]).then(
                  ({ entries }) => entries[0]?.value,
                  () => undefined,
                ),
              { timeout: 10_000 },
            )
            .toBe("of a");
        } finally {
          await cache.close();
          await wire.close();
        }
      },
    );

    it("is no reason not to start", async () => {
      const wire = await wireTo(redis.url);
      await wire.cut();
      const cache = await open(wire.url);
      await expect(cache.read(["a"])).rejects.toThrow(Unavailable);
      await wire.mend();
      await expect
        .poll(
          () =>
            cache
              .ping()
              .then(() => "up")
              .catch(() => "down"),
          { timeout: 10_000 },
        )
        .toBe("up");
      await cache.close();
      await wire.close();
    });
  });
});
