import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";
import type { WatchdogData } from "./watchdog.ts";

const { beats, beatMs, stalledMs, hungMs } = workerData as WatchdogData;
const counter = new Int32Array(beats);

// Time is counted in ticks of this thread: while the whole process is suspended with its machine, none passes.
let last = 0;
let ticksWithoutBeat = 0;
setInterval(() => {
  const now = Atomics.load(counter, 0);
  ticksWithoutBeat = now === last ? ticksWithoutBeat + 1 : 0;
  last = now;
  if (ticksWithoutBeat > 0 && ticksWithoutBeat % Math.ceil(stalledMs / beatMs) === 0) signalMainThread();
  if (ticksWithoutBeat === Math.ceil(hungMs / beatMs)) {
    writeSync(2, `The main thread has stalled for ${hungMs / 1_000} s. The process is ended; its service manager starts it again.\n`);
    process.kill(process.pid, "SIGKILL");
  }
}, beatMs);

/** Runs a listener in the main thread even during a loop: the inspector protocol interrupts JavaScript and WebAssembly. */
function signalMainThread(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.evaluate", { expression: 'process.emit("gatehouse:stalled")' }, () => session.disconnect());
}
