import type { Logger } from "pino";
import { Loop } from "./loop.ts";

/** Work that a worker does continuously, in steps. */
export interface BackgroundTask {
  readonly name: string;
  /** How often it looks for work. */
  readonly everyMs: number;
  /** Does some of the work; true when there may be more. Must be safe to run concurrently in other processes. */
  step(): Promise<boolean>;
  /** Identifies the newest work that exists now. */
  watermark(): Promise<string>;
  /** True when all work up to `watermark` is done. */
  isPast(watermark: string): Promise<boolean>;
}

export interface RunningTask {
  /** Resolves when the work that existed at the call is done, by this process or another. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** After a failure: long enough not to overload a database that is recovering. */
const pauseAfterFailureMs = 1_000;
const idleLookMs = 25;

/** Runs a background task until it is closed. A failed step is logged and retried. */
export function runBackgroundTask(task: BackgroundTask, logger: Logger): RunningTask {
  const loop = new Loop({
    run: () => task.step(),
    everyMs: task.everyMs,
    retry: { firstPauseMs: pauseAfterFailureMs, longestPauseMs: pauseAfterFailureMs },
    onFailure: (error) => logger.warn({ err: error, task: task.name }, "a background task failed and is tried again"),
  });
  loop.start();
  return {
    async idle() {
      const watermark = await task.watermark();
      for (;;) {
        await loop.drained();
        if (loop.isStopped || (await task.isPast(watermark))) return;
        await loop.pause(idleLookMs);
      }
    },
    close: () => loop.stop(),
  };
}
