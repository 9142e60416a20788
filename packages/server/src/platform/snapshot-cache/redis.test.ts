import { randomBytes } from "node:crypto";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { authenticator } from "../keys/authenticator.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { snapshotCacheConformance } from "./conformance/snapshot-cache-conformance.ts";
import { redisSnapshotCache } from "./redis.ts";
import type { SnapshotCache, Watermark } from "./snapshot-cache.ts";

const key = { name: "AAAAAAAA", key: randomBytes(32) };
const distrusted = vi.fn();
const entry = (key: string, value: string, version = 1n) => ({ key, value, version, ttlSeconds: 60 });
/** Twice the time limit of the policy, because tests share the machine. */
const soonMs = 400;

describeOnRedis("the snapshot in Redis", () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.close());
  beforeEach(() => redis.raw.flushall());

  const open = async (url?: string): Promise<SnapshotCache> =>
    redisSnapshotCache(await redis.connect(url), createResilience(createMetrics()), { authenticator: authenticator([key]), distrusted });

  snapshotCacheConformance("Redis", async () => {
    await redis.raw.flushall();
    return open();
  });

  describe("when it was lost or is old", () => {
    it("has no watermark after a flush, and accepts no earlier fill", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a")], { after: 0, to: 1 });
      const { watermark } = await cache.read([]);
      await redis.raw.flushall();
      expect(await cache.read(["a"])).toEqual({ watermark: null, entries: [null] });
      expect(await cache.fill([entry("a", "of a")], watermark as Watermark)).toBe(false);
      expect(await cache.write([entry("b", "of b")], { after: 1, to: 2 })).toBe(false);
    });

    it("has its old watermark after a restore from an old file, until the next write begins a generation", async () => {
      const cache = await open();
      await cache.write([entry("a", "old")], { after: 0, to: 1 });
      const [oldWatermark, oldValue] = await redis.raw.mget("iam:projection:watermark", "a");
      await cache.write([entry("a", "new", 2n)], { after: 1, to: 2 });
      await redis.raw.mset("iam:projection:watermark", oldWatermark as string, "a", oldValue as string);
      expect((await cache.read(["a"])).watermark?.number).toBe(1);
      expect(await cache.write([entry("b", "of b", 3n)], { after: 2, to: 3 })).toBe(false);
      expect((await cache.read(["a", "b"])).entries.map((each) => each?.value ?? null)).toEqual([null, "of b"]);
    });

    it("is not trusted if another program has written its keys", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a")], { after: 0, to: 1 });
      await redis.raw.set("a", "nothing of ours");
      expect((await cache.read(["a"])).entries).toEqual([null]);
      await redis.raw.set("iam:projection:watermark", "nonsense");
      expect(await cache.read(["a"])).toEqual({ watermark: null, entries: [null] });
    });
  });

  describe("when another program writes to Redis", () => {
    const openWith = async (...keys: { name: string; key: Buffer }[]) =>
      redisSnapshotCache(await redis.connect(), createResilience(createMetrics()), { authenticator: authenticator(keys), distrusted });
    const watermarkText = async () => (await redis.raw.get("iam:projection:watermark")) as string;
    const other = { name: "BBBBBBBB", key: randomBytes(32) };
    beforeEach(() => distrusted.mockClear());

    it.each([
      ["another value", (text: string) => text.replace("of a", "of A"), "forged"],
      ["a longer time", (text: string) => text.replace(/^(\S+ \S+) (\d+)/, (_all, head, time) => `${head} ${Number(time) + 1}`), "forged"],
      ["another version", (text: string) => text.replace(/^(\S+) 1 /, "$1 2 "), "forged"],
      ["no code", (text: string) => text.replace(/^(\S+ \S+) \S+ \S+ /, "$1 "), "unsigned"],
      ["a key that is not here", (text: string) => text.replace("AAAAAAAA.", "CCCCCCCC."), "unknown_key"],
      ["half a code", (text: string) => text.replace(/(AAAAAAAA\.\S{8})\S+/, "$1"), "forged"],
    ])("returns no value for a key with %s, reports it, and accepts a fill", async (_what, change, why) => {
      const cache = await open();
      await cache.write([entry("a", "of a"), entry("b", "of b")], { after: 0, to: 1 });
      const changed = change((await redis.raw.get("a")) as string);
      expect(changed).not.toBe(await redis.raw.get("a"));
      await redis.raw.set("a", changed);
      const { watermark, entries, distrusted: keys } = await cache.read(["a", "b"]);
      expect([entries[0], entries[1]?.value, keys]).toEqual([null, "of b", ["a"]]);
      expect(distrusted.mock.calls).toEqual([["entry", why]]);
      await cache.fill([entry("a", "of a", 2n)], watermark as Watermark);
      expect((await cache.read(["a"])).entries[0]?.value).toBe("of a");
    });

    it("returns a value under no other key, and in no other generation", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a"), entry("b", "of b")], { after: 0, to: 1 });
      const before = (await redis.raw.get("a")) as string;
      await redis.raw.set("b", before);
      expect((await cache.read(["b"])).entries).toEqual([null]);
      await cache.begin(1, (await cache.read([])).watermark);
      const [generation] = (await watermarkText()).split(" ");
      await redis.raw.set("a", before.replace(/^\S+/, generation as string));
      expect((await cache.read(["a"])).entries).toEqual([null]);
      expect(distrusted.mock.calls).toEqual([
        ["entry", "forged"],
        ["entry", "forged"],
      ]);
    });

    it("returns no value after its expiry, whatever its time to live in Redis", async () => {
      const cache = await open();
      await cache.write([entry("a", "of a")], { after: 0, to: 1 });
      await redis.raw.persist("a");
      vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000 + 121_000);
      expect((await cache.read(["a"])).entries).toEqual([null]);
      vi.restoreAllMocks();
      expect((await cache.read(["a"])).entries[0]?.value).toBe("of a");
    });

    it.each([
      ["another number", (text: string) => text.replace(/^(\S+) 1 /, "$1 9 ")],
      ["no code", (text: string) => text.replace(/ \S+$/, "")],
      ["rubbish", () => "x"],
    ])("has no watermark if that has %s, and the next write or the reconciler begins another", async (_what, change) => {
      const cache = await open();
      for (const heal of [() => cache.write([], { after: 1, to: 2 }).then((continued) => !continued), () => cache.begin(2, null)]) {
        await redis.raw.flushall();
        await cache.write([entry("a", "of a")], { after: 0, to: 1 });
        await redis.raw.set("iam:projection:watermark", change(await watermarkText()));
        expect(await cache.read(["a"])).toEqual({ watermark: null, entries: [null] });
        expect(await heal()).toBe(true);
        expect((await cache.read(["a"])).watermark?.number).toBe(2);
      }
    });

    it("treats keys of another type as absent", async () => {
      const cache = await open();
      await redis.raw.lpush("a", "x");
      await redis.raw.lpush("iam:projection:watermark", "x");
      expect(await cache.read(["a"])).toEqual({ watermark: null, entries: [null] });
      expect(await cache.write([entry("a", "of a")], { after: 0, to: 1 })).toBe(false);
      expect((await cache.read(["a"])).entries[0]?.value).toBe("of a");
    });

    it("is read under both keys during a rotation of the master key, and not under a deleted one", async () => {
      const [before, during, after] = [await openWith(key), await openWith(other, key), await openWith(other)];
      await before.write([entry("a", "old")], { after: 0, to: 1 });
      expect((await during.read(["a"])).entries[0]?.value).toBe("old");
      expect(await during.write([entry("b", "new")], { after: 1, to: 2 })).toBe(true);
      expect((await during.read(["a", "b"])).entries.map((each) => each?.value)).toEqual(["old", "new"]);
      expect(await during.fill([entry("c", "of c")], (await during.read([])).watermark as Watermark)).toBe(true);
      expect((await after.read(["a", "b"])).entries.map((each) => each?.value ?? null)).toEqual([null, "new"]);
      expect((await before.read(["b"])).watermark).toBeNull();
    });
  });

  describe("when Redis is unavailable", () => {
    it.each(["holds", "cuts"] as const)(
      "and %s every connection, each call ends within its time limit, and calls work again without a restart",
      async (how) => {
        const wire = await wireTo(redis.url);
        const cache = await open(wire.url);
        try {
          await cache.write([entry("a", "of a")], { after: 0, to: 1 });
          const { watermark } = await cache.read([]);
          if (how === "holds") wire.hold();
          else await wire.cut();
          const calls = [
            () => cache.read(["a"]),
            () => cache.fill([entry("a", "of a")], watermark as Watermark),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
            () => cache.read(["a"]),
          ];
          for (const call of calls) {
            const stopwatch = startStopwatch();
            await expect(call()).rejects.toThrow(Unavailable);
            expect(stopwatch.idleMs()).toBeLessThan(soonMs);
          }
          // The circuit is open by now, so calls do not wait.
          const stopwatch = startStopwatch();
          await Promise.allSettled(Array.from({ length: 100 }, () => cache.read(["a"])));
          expect(stopwatch.idleMs()).toBeLessThan(soonMs);
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

    it("does not prevent a start", async () => {
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
