import { randomBytes } from "node:crypto";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authenticator } from "../keys/authenticator.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { limitsConformance } from "./conformance/limits-conformance.ts";
import { redisLimits } from "./redis.ts";

const key = { name: "AAAAAAAA", key: randomBytes(32) };
const limit = { points: 2, seconds: 60 };

describeOnRedis("limits in Redis", () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.close());

  const open = async (without: "memory" | "refuse" = "memory", url?: string) =>
    redisLimits(await redis.connect(url), createResilience(createMetrics()), { without, authenticator: authenticator([key]) });

  limitsConformance("Redis", open);

  it("are shared by all processes", async () => {
    const [one, other] = [await open(), await open()];
    expect(await one.take("shared", "ada", limit)).toBe(0);
    expect(await other.take("shared", "ada", limit)).toBe(0);
    expect(await one.take("shared", "ada", limit)).toBeGreaterThan(0);
    expect(await other.peek("shared", "ada", limit)).toBeGreaterThan(0);
  });

  it("store no names in Redis, and are enforced per process if the counters are reset", async () => {
    const limits = await open();
    let taken = 0;
    for (let round = 0; round < 20; round += 1) {
      if ((await limits.take("sign-in:account", "ada@example.com", limit)) === 0) taken += 1;
      for (const name of await redis.raw.keys("*iam:limit:*")) {
        expect(name).not.toContain("ada");
        await redis.raw.del(name);
      }
    }
    expect(taken).toBe(3 * limit.points);
    expect(await limits.peek("sign-in:account", "ada@example.com", limit)).toBeGreaterThan(0);
    await limits.reset("sign-in:account", "ada@example.com", limit);
    expect(await limits.take("sign-in:account", "ada@example.com", limit)).toBe(0);
  });

  it("are counted by the process if their keys have values of another type", async () => {
    const limits = await open();
    await limits.take("other-type", "ada", limit);
    const [name] = (await redis.raw.keys("*other-type*")) as [string];
    await redis.raw.del(name);
    await redis.raw.lpush(name, "x");
    expect([await limits.take("other-type", "ada", limit), await limits.take("other-type", "ada", limit)]).toEqual([0, 0]);
  });

  describe.each(["hold", "cut"] as const)("while Redis is away (%s)", (how) => {
    it("are counted by the process, and by Redis again once it is available", async () => {
      const wire = await wireTo(redis.url);
      const limits = await open("memory", wire.url);
      const others = await open();
      const name = `away-${how}`;
      await others.take(name, "ada", limit);
      await others.take(name, "ada", limit);
      await wire[how]();
      const stopwatch = startStopwatch();
      expect([
        await limits.take(name, "ada", limit),
        await limits.take(name, "ada", limit),
        (await limits.take(name, "ada", limit)) > 0,
      ]).toEqual([0, 0, true]);
      expect(stopwatch.idleMs()).toBeLessThan(1_500);
      await (how === "hold" ? wire.release() : wire.mend());
      await limits.reset(name, "bob", limit);
      // This key has taken no point in the process's own count.
      await others.take(name, "bob", limit);
      await others.take(name, "bob", limit);
      await expect.poll(() => limits.peek(name, "bob", limit), { timeout: 10_000 }).toBeGreaterThan(0);
      await wire.close();
    });

    it("are rejected if so configured", async () => {
      const wire = await wireTo(redis.url);
      const limits = await open("refuse", wire.url);
      await wire[how]();
      await expect(limits.take(`refuse-${how}`, "ada", limit)).rejects.toThrow(Unavailable);
      await (how === "hold" ? wire.release() : wire.mend());
      await expect.poll(() => limits.take(`refuse-${how}`, "bob", limit).catch(() => -1), { timeout: 10_000 }).toBe(0);
      await wire.close();
    });
  });
});
