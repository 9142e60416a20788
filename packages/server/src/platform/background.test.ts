import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type BackgroundTask, type RunningTask, runBackgroundTask } from "./background.ts";

describe("a background task", () => {
  const running: RunningTask[] = [];
  const run = (task: Partial<BackgroundTask>): RunningTask => {
    const started = runBackgroundTask(
      { name: "test.task", everyMs: 600_000, step: async () => false, watermark: async () => "", isPast: async () => true, ...task },
      silent,
    );
    running.push(started);
    return started;
  };
  afterEach(async () => {
    for (const task of running.splice(0)) await task.close();
  });

  it("is idle once the work that existed at the call is done, by this process or another", async () => {
    let done = 0;
    let looks = 0;
    const task = run({
      // One item per step; other processes do the rest.
      step: async () => {
        done += 1;
        return false;
      },
      watermark: async () => "3",
      isPast: async (watermark) => {
        looks += 1;
        return done >= Number(watermark) && looks > 1;
      },
    });
    await task.idle();
    expect(done).toBeGreaterThanOrEqual(3);
    expect(looks).toBeGreaterThan(1);
  });

  it("continues after a step that failed", async () => {
    let steps = 0;
    const task = run({
      step: async () => {
        steps += 1;
        if (steps === 1) throw new Error("not now");
        return false;
      },
    });
    await task.idle();
    expect(steps).toBeGreaterThanOrEqual(2);
  });

  it("finishes its current step when it is closed, and starts no other", async () => {
    const step = Promise.withResolvers<void>();
    let steps = 0;
    const task = run({
      async step() {
        steps += 1;
        await step.promise;
        return true;
      },
    });
    await eventually(() => steps).toBe(1);
    const idle = task.idle();
    const closed = task.close();
    step.resolve();
    await Promise.all([closed, idle]);
    expect(steps).toBe(1);
  });
});
