import type { Logger } from "pino";
import { coalesced } from "./coalesce.ts";

/** Work that goes on as long as the worker runs, in steps. */
export interface Background {
  readonly name: string;
  /** How often it looks whether there is something to do. */
  readonly everyMs: number;
  /** Does a part of what there is; true when there may be more. Must be safe beside the same in other processes. */
  step(): Promise<boolean>;
  /** True when everything is done that was there when `mark` was taken. */
  mark(): Promise<string>;
  isPast(mark: string): Promise<boolean>;
}

export interface RunningBackground {
  /** Resolves when what was there at the call is done, by this process or another. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** After a failure: long enough not to hammer a database that is away. */
const pauseAfterFailureMs = 1_000;
const idleLookMs = 25;

/** Runs a background work until it is closed. A step that fails is logged and tried again. */
export function runBackground(work: Background, logger: Logger): RunningBackground {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const drain = coalesced(async () => {
    while (!closed && (await work.step())) {
      // Each step does a part; the first that finds nothing more ends the loop.
    }
  });
  const look = (): void => {
    drain().then(
      () => again(work.everyMs),
      (error) => {
        logger.warn({ err: error, work: work.name }, "background work failed and is tried again");
        again(pauseAfterFailureMs);
      },
    );
  };
  const again = (ms: number): void => {
    if (!closed) timer = setTimeout(look, ms).unref();
  };
  look();
  return {
    async idle() {
      const mark = await work.mark();
      for (;;) {
        await drain();
        if (closed || (await work.isPast(mark))) return;
        await new Promise((resolve) => setTimeout(resolve, idleLookMs));
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await drain().catch(() => {});
    },
  };
}
