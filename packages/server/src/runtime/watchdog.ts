import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";

export interface WatchdogTimes {
  /** Interval of the main thread's heartbeat. */
  readonly beatMs: number;
  /** After a stall of this length, a signal ends the process at once, without a graceful stop. */
  readonly stalledMs: number;
  /** After a stall of this length, the process is killed. */
  readonly hungMs: number;
}

/**
 * Three seconds are longer than any normal statement of a server. Two minutes are longer than a statement on an overloaded machine,
 * so a main thread that is still stalled will not recover.
 */
const usual: WatchdogTimes = { beatMs: 250, stalledMs: 3_000, hungMs: 120_000 };

/** The event that the watchdog thread emits in the main thread (watchdog-thread.ts). */
export const stalledEvent = "gatehouse:stalled";

/** Shared with the watchdog thread: the heartbeats of the main thread. */
export interface WatchdogData extends WatchdogTimes {
  readonly beats: SharedArrayBuffer;
}

/**
 * Watches the main thread from another one. The embedded database runs in the main thread. Where it does not return, no timer and no
 * signal handler runs, and only SIGKILL would end the process. While the main thread stalls, `signals` get their default action, so that
 * they end the process. A stop that `isOverdue` is killed, too. `onError` is called where the watchdog thread has ended; the process
 * continues without it.
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
  // Interrupts code that does not return, so nothing here may wait.
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
  // Without this process's exec arguments: some apply to its entry only.
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
