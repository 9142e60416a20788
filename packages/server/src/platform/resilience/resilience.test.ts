import { beforeEach, describe, expect, it } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import type { Bounds } from "./policy.ts";
import { guardOf } from "./resilience.ts";

let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  metrics = createMetrics();
});

const everyFailure = () => true;
const guard = (row: Bounds, isFailure = everyFailure as (error: unknown) => boolean) =>
  guardOf("thing", row, "the thing", isFailure, metrics);
const hangs = () => new Promise<never>(() => {});
const fails = async () => {
  throw new Error("no");
};
const counted = async (outcome: string): Promise<number> =>
  (await metrics.dependencyCalls.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;

describe("a guarded call", () => {
  it("returns its result, and is counted", async () => {
    expect(await guard({ timeLimitMs: 1_000 })(async () => 7)).toBe(7);
    expect(await counted("ok")).toBe(1);
  });

  it("throws Unavailable at its time limit, and is aborted", async () => {
    let stopped = false;
    const call = guard({ timeLimitMs: 20 })((signal) => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
      return hangs();
    });
    await expect(call).rejects.toThrow(Unavailable);
    await expect(call).rejects.toThrow("the thing is unavailable");
    expect(stopped).toBe(true);
    expect(await counted("timeout")).toBe(1);
  });

  it("rethrows an error that is an answer, and never opens the circuit for it", async () => {
    const refusing = guard({ timeLimitMs: 1_000, breaker: { failures: 2, openMs: 60_000 } }, () => false);
    for (let time = 0; time < 5; time += 1) await expect(refusing(fails)).rejects.toThrow("no");
    expect(await refusing(async () => "open")).toBe("open");
    expect(await counted("answered_error")).toBe(5);
  });

  it("is not made while the circuit is open, and one call tests whether it may close", async () => {
    const guarded = guard({ timeLimitMs: 1_000, breaker: { failures: 3, openMs: 50 } });
    for (let time = 0; time < 3; time += 1) await expect(guarded(fails)).rejects.toThrow(Unavailable);
    expect((await metrics.circuitOpen.get()).values[0]?.value).toBe(1);
    let calls = 0;
    const ask = async () => {
      calls += 1;
    };
    await expect(guarded(ask)).rejects.toThrow(Unavailable);
    expect(calls).toBe(0);
    expect(await counted("circuit_open")).toBe(1);
    await expect.poll(() => guarded(ask).then(() => calls), { timeout: 2_000 }).toBe(1);
    expect((await metrics.circuitOpen.get()).values[0]?.value).toBe(0);
  });

  it("is rejected at once if the bulkhead and its queue are full", async () => {
    const guarded = guard({ timeLimitMs: 10_000, bulkhead: { atOnce: 2, waiting: 1 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    const three = [1, 2, 3].map(() => guarded(() => promise));
    await expect(guarded(() => promise)).rejects.toThrow(Unavailable);
    expect((await metrics.bulkheadInUse.get()).values[0]?.value).toBe(2);
    expect((await metrics.bulkheadRefused.get()).values[0]?.value).toBe(1);
    resolve();
    await Promise.all(three);
    expect((await metrics.bulkheadInUse.get()).values[0]?.value).toBe(0);
  });

  it("is retried as often as its row says, each time with the whole time limit", async () => {
    const guarded = guard({ timeLimitMs: 1_000, retries: { times: 2, firstPauseMs: 1, longestPauseMs: 2 } });
    let tries = 0;
    const third = async () => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
      return tries;
    };
    expect(await guarded(third)).toBe(3);
    await expect(guarded(fails)).rejects.toThrow(Unavailable);
  });
});
