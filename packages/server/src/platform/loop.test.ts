import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, describe, expect, it } from "vitest";
import { Loop, type LoopOptions, retryPauseMs } from "./loop.ts";

/** Longer than any test: only a wake, a failure's pause or a stop ends the pause. */
const never = 600_000;

describe("a loop", () => {
  const loops: Loop[] = [];
  const started = (options: Partial<LoopOptions> & Pick<LoopOptions, "run">): Loop => {
    const loop = new Loop({ everyMs: never, retry: { firstPauseMs: 1, longestPauseMs: 1 }, onFailure: () => {}, ...options });
    loops.push(loop);
    loop.start();
    return loop;
  };
  afterEach(async () => {
    for (const loop of loops.splice(0)) await loop.stop();
  });

  it("runs while there is more, then whenever it is woken or its pause has elapsed", async () => {
    let left = 3;
    let runs = 0;
    const run = async () => {
      runs += 1;
      left -= 1;
      return left > 0;
    };
    const loop = started({ run });
    await loop.drained();
    const afterFirst = runs;
    expect(afterFirst).toBeGreaterThanOrEqual(3);
    loop.wake();
    await eventually(() => runs).toBe(afterFirst + 1);
    let ticks = 0;
    started({ everyMs: 1, run: async () => Boolean(ticks++ < 0) });
    await eventually(() => ticks).toBeGreaterThan(3);
  });

  it("never runs concurrently with itself, however often it is woken", async () => {
    let running = 0;
    let mostAtOnce = 0;
    let runs = 0;
    const loop = started({
      async run() {
        running += 1;
        runs += 1;
        mostAtOnce = Math.max(mostAtOnce, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return false;
      },
    });
    for (let round = 0; round < 20; round += 1) {
      loop.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await loop.drained();
    expect(mostAtOnce).toBe(1);
    expect(runs).toBeGreaterThan(3);
  });

  it("is drained by a run that began after the call, not by the current run", async () => {
    const steps: PromiseWithResolvers<void>[] = [];
    const loop = started({
      run: async () => {
        const step = Promise.withResolvers<void>();
        steps.push(step);
        await step.promise;
        return false;
      },
    });
    await eventually(() => steps.length).toBe(1);
    let isDrained = false;
    const drained = loop.drained().then(() => {
      isDrained = true;
    });
    steps[0]?.resolve();
    await eventually(() => steps.length).toBe(2);
    expect(isDrained).toBe(false);
    steps[1]?.resolve();
    await drained;
  });

  it("retries after a failure, reports the number of consecutive failures, and is drained only by a success", async () => {
    const reported: number[] = [];
    let runs = 0;
    const loop = started({
      onFailure: (_error, failures) => reported.push(failures),
      async run() {
        runs += 1;
        if (runs <= 3 || runs === 5) throw new Error("not now");
        return runs === 4;
      },
    });
    await loop.drained();
    expect(runs).toBe(6);
    expect(reported).toEqual([1, 2, 3, 1]);
  });

  it("cannot be woken from the pause after a failure", async () => {
    let runs = 0;
    const loop = started({
      retry: { firstPauseMs: never, longestPauseMs: never },
      async run() {
        runs += 1;
        throw new Error("not now");
      },
    });
    await eventually(() => runs).toBe(1);
    loop.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toBe(1);
  });

  it("finishes its run when it is stopped, ends every pause, and does not run again", async () => {
    const step = Promise.withResolvers<void>();
    let runs = 0;
    const loop = started({
      async run() {
        runs += 1;
        await step.promise;
        return true;
      },
    });
    await eventually(() => runs).toBe(1);
    const [drained, paused] = [loop.drained(), loop.pause(never)];
    let isStopped = false;
    const stopped = loop.stop().then(() => {
      isStopped = true;
    });
    await paused;
    expect(isStopped).toBe(false);
    step.resolve();
    await Promise.all([stopped, drained]);
    loop.wake();
    await loop.drained();
    expect(runs).toBe(1);
  });

  it("ends a pause after a failure when it is stopped, and does not report later failures", async () => {
    const step = Promise.withResolvers<void>();
    let reported = 0;
    const loop = started({
      onFailure: () => {
        reported += 1;
      },
      run: () => step.promise.then(() => Promise.reject(new Error("too late"))),
    });
    const stopped = loop.stop();
    step.resolve();
    await stopped;
    expect(reported).toBe(0);
  });

  it("stops at once when it is stopped before its start", async () => {
    let runs = 0;
    const loop = new Loop({
      everyMs: 1,
      retry: { firstPauseMs: 1, longestPauseMs: 1 },
      onFailure: () => {},
      run: async () => Boolean(runs++),
    });
    await loop.stop();
    loop.start();
    await loop.drained();
    expect(runs).toBe(0);
  });
});

it("the retry pause doubles with each failure up to the longest", () => {
  const schedule = { firstPauseMs: 50, longestPauseMs: 3_200 };
  expect([1, 2, 3, 7, 8, 5_000].map((failures) => retryPauseMs(schedule, failures))).toEqual([50, 100, 200, 3_200, 3_200, 3_200]);
});
