import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type BackgroundTask, type RunningTask, runBackgroundTask } from "./background.ts";

describe("a background task", () => {
  const running: RunningTask[] = [];
  const run = (task: Partial<BackgroundTask>): RunningTask => {
    const started = runBackgroundTask(
      { name: "test.task", everyMs: 600_000, step: async () => false, mark: async () => "", isPast: async () => true, ...task },
      silent,
    );
    running.push(started);
    return started;
  };
  afterEach(async () => {
    for (const task of running.splice(0)) await task.close();
  });

  it("is idle once everything is done that was there at the question, whoever did it", async () => {
    let done = 0;
    let asked = 0;
    const task = run({
      // One part a look: the rest is done by others.
      step: async () => {
        done += 1;
        return false;
      },
      mark: async () => "3",
      isPast: async (mark) => {
        asked += 1;
        return done >= Number(mark) && asked > 1;
      },
    });
    await task.idle();
    expect(done).toBeGreaterThanOrEqual(3);
    expect(asked).toBeGreaterThan(1);
  });

  it("goes on after a step that failed", async () => {
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

  it("waits for its step when it is closed, and does no other", async () => {
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
