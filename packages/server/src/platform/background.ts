import type { Logger } from "pino";
import { Loop } from "./loop.ts";

/** Work that a worker does continuously, in steps. */
export interface BackgroundTask {
  readonly name: string;
  /** How often it looks whether there is something to do. */
  readonly everyMs: number;
  /** Does a part of what there is; true when there may be more. Must be safe beside the same in other processes. */
  step(): Promise<boolean>;
  /** Marks what is there to do now. */
  mark(): Promise<string>;
  /** True when everything is done that was there when `mark` was taken. */
  isPast(mark: string): Promise<boolean>;
}

export interface RunningTask {
  /** Resolves when what was there at the call is done, by this process or another. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** After a failure: long enough not to hammer a database that is away. */
const pauseAfterFailureMs = 1_000;
const idleLookMs = 25;

/** Runs a background task until it is closed. A step that fails is logged and tried again. */
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
      const mark = await task.mark();
      for (;;) {
        await loop.drained();
        if (loop.isStopped || (await task.isPast(mark))) return;
        await loop.pause(idleLookMs);
      }
    },
    close: () => loop.stop(),
  };
}
