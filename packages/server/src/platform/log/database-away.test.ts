import { randomBytes } from "node:crypto";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { authenticator } from "../keys/authenticator.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { inquire, refusalOf, type Testimony } from "./database-away.ts";
import type { ToldEvent } from "./event.ts";
import { redisWitness } from "./redis-witness.ts";

const key = { name: "AAAAAAAA", key: randomBytes(32) };
const distrusted = vi.fn();
const silence: Testimony = { heard: false, events: [] };
const ended: ToldEvent = {
  id: "0198a000-0000-7000-8000-000000000001",
  type: "session.ended.v1",
  subject: "session/1",
  organizationId: null,
  data: { userId: "1" },
  transaction: "18446744073709551615",
  occurredAt: "2026-11-27T01:02:03.004Z",
};
const rules = (given: { refuses?: boolean; testimony?: Testimony; ask?: () => Promise<Testimony>; seconds?: number } = {}) => ({
  seconds: given.seconds ?? 60,
  refuses: async () => given.refuses ?? true,
  witness: { tell: async () => {}, ask: given.ask ?? (async () => given.testimony ?? silence) },
});
const ageMs = 1_500;

describe("a database counts as away for everybody", () => {
  it("where its address refuses and nobody has heard it; what ended before is answered", async () => {
    expect(await inquire(rules(), ageMs)).toEqual({ away: true, events: [] });
    expect(await inquire(rules({ testimony: { heard: false, events: [ended] } }), ageMs)).toEqual({ away: true, events: [ended] });
  });

  it.each([
    ["it may be frozen, or cut off from here", "its address does not refuse", rules({ refuses: false })],
    ["it is away from here alone", "another process hears it", rules({ testimony: { heard: true, events: [] } })],
    [
      "nobody can be asked",
      "the others cannot be asked",
      rules({
        ask: async () => {
          throw new Error("away");
        },
      }),
    ],
    ["the time is over", "it has been away for too long", rules({ seconds: 1 })],
    ["it is forbidden", "it has been away for too long", rules({ seconds: 0 })],
  ])("but not where %s", async (_case, because, given) => {
    expect(await inquire(given, ageMs)).toEqual({ away: false, because });
  });
});

describeOnRedis("what processes tell each other on a Redis", () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.close());
  const open = async (url?: string) =>
    redisWitness(await redis.connect(url), createResilience(createMetrics()), 60, { authenticator: authenticator([key]), distrusted });

  it("is heard by the others for a second, and what ended for as long as somebody may need it", async () => {
    const [one, other] = [await open(), await open()];
    expect(await other.ask(60_000)).toEqual(silence);
    await one.tell([ended]);
    await other.tell([ended]);
    expect(await other.ask(60_000)).toEqual({ heard: true, events: [ended] });
    await expect.poll(async () => (await other.ask(60_000)).heard, { timeout: 5_000 }).toBe(false);
    expect((await other.ask(60_000)).events).toEqual([ended]);
    expect((await other.ask(1)).events).toEqual([]);
    expect(await redis.raw.pttl("iam:log:endings")).toBeGreaterThan(50_000);
  });

  it.each([
    ["forged", `AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA ${JSON.stringify(ended)}`],
    ["unsigned", JSON.stringify(ended)],
    ["unknown_key", `BBBBBBBB.AAAAAAAAAAAAAAAAAAAAAA ${JSON.stringify(ended)}`],
  ])("is not believed where somebody else has written it (%s): nobody then knows what ended", async (why, text) => {
    const witness = await open();
    await witness.tell([ended]);
    await redis.raw.zadd("iam:log:endings", "NX", Date.now(), text);
    await expect(witness.ask(60_000)).rejects.toThrow("witness is unavailable");
    expect(distrusted).toHaveBeenCalledWith("event", why);
    await redis.raw.del("iam:log:endings");
  });

  it("cannot be asked where Redis hangs: that ends in time, and is not taken for silence", async () => {
    const wire = await wireTo(redis.url);
    const witness = await open(wire.url);
    wire.hold();
    const stopwatch = startStopwatch();
    await expect(witness.ask(1_000)).rejects.toThrow("witness is unavailable");
    expect(stopwatch.idleMs()).toBeLessThan(900);
    await wire.close();
  });

  it("tells an address that refuses from one that takes a connection and says nothing", async () => {
    const wire = await wireTo(redis.url);
    const refuses = refusalOf(wire.url);
    expect(await refuses()).toBe(false);
    wire.hold();
    expect(await refuses()).toBe(false);
    await wire.cut();
    expect(await refuses()).toBe(true);
    expect(await refusalOf("postgres://nowhere.invalid/x")()).toBe(false);
  });
});
