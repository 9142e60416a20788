import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";

export interface WatchdogTimes {
  /** How often the main thread shows that it runs. */
  readonly beatMs: number;
  /** Stalled for so long, the process ends at a signal at once instead of in order. */
  readonly stalledMs: number;
  /** Stalled for so long, the process is ended. */
  readonly hungMs: number;
}

/**
 * Three seconds are more than any statement of a server takes in order. Two minutes are more than a machine that is short of
 * everything needs for one: what stands still then stays so, and only a new process helps.
 */
const usual: WatchdogTimes = { beatMs: 250, stalledMs: 3_000, hungMs: 120_000 };

/** What the watching thread raises in the main one (see watchdog-thread.ts). */
export const stalledEvent = "gatehouse:stalled";

/** Shared with the watching thread: how often the main one has run its timer. */
export interface WatchdogData extends WatchdogTimes {
  readonly beats: SharedArrayBuffer;
}

/**
 * Watches the main thread from another one. The embedded database runs in the main thread: where it does not come back, no timer
 * and no handler of a signal would run any more, and the process could be ended with SIGKILL alone. `signals` are handed back to
 * the operating system while the main thread stalls, so that they end the process. A stop that is `isOverdue` is ended, too.
 * `onError` is told where the watching thread has ended; the process goes on unwatched.
 */
export function watchMainThread(
  signals: readonly NodeJS.Signals[],
  isOverdue: () => boolean,
  onError: (error: unknown) => void,
  times: WatchdogTimes = usual,
): { close(): Promise<void> } {
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  const set = new Map<NodeJS.Signals, NodeJS.SignalsListener[]>();
  // Runs between two instructions of what does not come back: nothing here may wait.
  const onStalled = (): void => {
    if (isOverdue()) process.kill(process.pid, "SIGKILL");
    if (set.size > 0) return;
    writeSync(process.stderr.fd, `The main thread has stalled for ${times.stalledMs / 1_000} s. A signal ends the process at once.\n`);
    for (const signal of signals) {
      set.set(signal, process.listeners(signal) as NodeJS.SignalsListener[]);
      process.removeAllListeners(signal);
    }
  };
  const beat = setInterval(() => {
    Atomics.add(counter, 0, 1);
    for (const [signal, listeners] of set) for (const listener of listeners) process.on(signal, listener);
    set.clear();
  }, times.beatMs).unref();
  process.on(stalledEvent as "message", onStalled);
  const workerData: WatchdogData = { ...times, beats };
  // Without this process's own options: some mean its entry alone.
  const thread = new Worker(new URL("./watchdog-thread.ts", import.meta.url), { workerData, name: "watchdog", execArgv: [] });
  thread.on("error", onError);
  thread.unref();
  return {
    async close() {
      clearInterval(beat);
      process.off(stalledEvent as "message", onStalled);
      await thread.terminate();
    },
  };
}
