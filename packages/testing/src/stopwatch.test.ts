import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { slowness, startStopwatch } from "./stopwatch.ts";

it("the time of a wait is at most the time on the clock", async () => {
  const began = performance.now();
  const stopwatch = startStopwatch();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const idleMs = stopwatch.idleMs();
  expect(idleMs).toBeGreaterThan(0);
  expect(idleMs).toBeLessThanOrEqual(performance.now() - began);
});

it("a machine whose processors others have is slower", async () => {
  // Each processor has two busy threads in addition to this one.
  const busy = Array.from({ length: 2 * availableParallelism() }, () => new Worker("for (;;) {}", { eval: true }));
  try {
    await Promise.all(busy.map((worker) => new Promise((resolve) => worker.once("online", resolve))));
    await expect.poll(slowness, { timeout: 60_000, interval: 10 }).toBeGreaterThan(1.5);
  } finally {
    await Promise.all(busy.map((worker) => worker.terminate()));
  }
});
