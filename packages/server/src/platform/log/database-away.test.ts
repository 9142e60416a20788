import { randomBytes } from "node:crypto";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { authenticator } from "../keys/authenticator.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { detectOutage, type PeerReport, refusalOf } from "./database-away.ts";
import type { InvalidationMessage } from "./event.ts";
import { redisPeerDetector } from "./redis-peer-detector.ts";

const key = { name: "AAAAAAAA", key: randomBytes(32) };
const distrusted = vi.fn();
const silence: PeerReport = { observed: false, events: [] };
const ended: InvalidationMessage = {
  id: "0198a000-0000-7000-8000-000000000001",
  type: "session.ended.v1",
  subject: "session/1",
  organizationId: null,
  data: { userId: "1" },
  transaction: "18446744073709551615",
  occurredAt: "2026-11-27T01:02:03.004Z",
};
const rules = (given: { refuses?: boolean; report?: PeerReport; query?: () => Promise<PeerReport>; seconds?: number } = {}) => ({
  seconds: given.seconds ?? 60,
  refuses: async () => given.refuses ?? true,
  peers: { report: async () => {}, query: given.query ?? (async () => given.report ?? silence) },
});
const lagMs = 1_500;

describe("outage detection", () => {
  it("treats the database as away if its address refuses and no process has observed it, and returns earlier revocations", async () => {
    expect(await detectOutage(rules(), lagMs)).toEqual({ away: true, events: [] });
    expect(await detectOutage(rules({ report: { observed: false, events: [ended] } }), lagMs)).toEqual({ away: true, events: [ended] });
  });

  it.each([
    ["it may be frozen, or cut off from here", "its address does not refuse", rules({ refuses: false })],
    ["it is away from here alone", "another process observes it", rules({ report: { observed: true, events: [] } })],
    [
      "the peers cannot be queried",
      "the peers cannot be queried",
      rules({
        query: async () => {
          throw new Error("away");
        },
      }),
    ],
    ["the time limit has passed", "it has been away for too long", rules({ seconds: 1 })],
    ["it is forbidden", "it has been away for too long", rules({ seconds: 0 })],
  ])("does not treat the database as away if %s", async (_case, because, given) => {
    expect(await detectOutage(given, lagMs)).toEqual({ away: false, because });
  });
});

describeOnRedis("the peer reports in Redis", () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.close());
  const open = async (url?: string) =>
    redisPeerDetector(await redis.connect(url), createResilience(createMetrics()), 60, { authenticator: authenticator([key]), distrusted });

  it("a report is valid for a second, and revoking events are retained as long as a process may need them", async () => {
    const [one, other] = [await open(), await open()];
    expect(await other.query(60_000)).toEqual(silence);
    await one.report([ended]);
    await other.report([ended]);
    expect(await other.query(60_000)).toEqual({ observed: true, events: [ended] });
    await expect.poll(async () => (await other.query(60_000)).observed, { timeout: 5_000 }).toBe(false);
    expect((await other.query(60_000)).events).toEqual([ended]);
    expect((await other.query(1)).events).toEqual([]);
    expect(await redis.raw.pttl("iam:log:endings")).toBeGreaterThan(50_000);
  });

  it.each([
    ["forged", `AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA ${JSON.stringify(ended)}`],
    ["unsigned", JSON.stringify(ended)],
    ["unknown_key", `BBBBBBBB.AAAAAAAAAAAAAAAAAAAAAA ${JSON.stringify(ended)}`],
  ])("a query is rejected if another program has written an event (%s)", async (why, text) => {
    const detector = await open();
    await detector.report([ended]);
    await redis.raw.zadd("iam:log:endings", "NX", Date.now(), text);
    await expect(detector.query(60_000)).rejects.toThrow("peer detector is unavailable");
    expect(distrusted).toHaveBeenCalledWith("event", why);
    await redis.raw.del("iam:log:endings");
  });

  it("a query times out if Redis hangs, and does not count as an empty report", async () => {
    const wire = await wireTo(redis.url);
    const detector = await open(wire.url);
    wire.hold();
    const stopwatch = startStopwatch();
    await expect(detector.query(1_000)).rejects.toThrow("peer detector is unavailable");
    expect(stopwatch.idleMs()).toBeLessThan(900);
    await wire.close();
  });

  it("an address that refuses is distinguished from one that accepts a connection and stays silent", async () => {
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
