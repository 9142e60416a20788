import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, describe, expect, it } from "vitest";
import { ConsumerLifecycle, type LifecycleOptions } from "./consumer-lifecycle.ts";

const never = 600_000;

describe("a consumer lifecycle", () => {
  const lives: ConsumerLifecycle[] = [];
  const started = (options: Pick<LifecycleOptions, "run"> & Partial<LifecycleOptions>): ConsumerLifecycle => {
    const life = new ConsumerLifecycle({
      everyMs: never,
      retry: { firstPauseMs: 1, longestPauseMs: 1 },
      onFailure: () => {},
      ...options,
    });
    lives.push(life);
    life.start();
    return life;
  };
  afterEach(() => {
    for (const life of lives.splice(0)) life.abandon();
  });

  it("closes once, after the current run", async () => {
    const run = Promise.withResolvers<void>();
    const life = started({ run: () => run.promise.then(() => true) });
    const closing = life.close();
    expect(life.close()).toBeUndefined();
    await life.stopped;
    expect([life.isRunning, life.isAbandoned]).toEqual([false, false]);
    let isEnded = false;
    const ended = closing?.loopEnded.then(() => {
      isEnded = true;
    });
    await life.pause(never);
    expect(isEnded).toBe(false);
    run.resolve();
    await ended;
    expect(isEnded).toBe(true);
  });

  it("can be abandoned while it closes, and cannot be closed afterwards", async () => {
    const life = started({ run: async () => false });
    life.close();
    life.abandon();
    expect([life.isRunning, life.isAbandoned]).toEqual([false, true]);
    expect(life.close()).toBeUndefined();
  });

  it("sends heartbeats until its last run has ended, also while it closes", async () => {
    const run = Promise.withResolvers<void>();
    let beats = 0;
    const life = started({
      run: () => run.promise.then(() => false),
      heartbeat: {
        everyMs: 1,
        beat: async () => {
          beats += 1;
        },
      },
    });
    await eventually(() => beats).toBeGreaterThan(1);
    const closing = life.close();
    const atClose = beats;
    await eventually(() => beats).toBeGreaterThan(atClose + 1);
    run.resolve();
    await closing?.loopEnded;
    const atEnd = beats;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(beats).toBe(atEnd);
  });

  it("is ready once it is marked ready", async () => {
    const life = started({ run: async () => false });
    let isReady = false;
    const ready = life.ready.then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isReady).toBe(false);
    life.markReady();
    await ready;
    expect(isReady).toBe(true);
  });
});
