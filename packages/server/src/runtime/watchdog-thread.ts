import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";
import type { WatchdogData } from "./watchdog.ts";

const { beats, beatMs, stalledMs, hungMs } = workerData as WatchdogData;
const counter = new Int32Array(beats);

// Times are counted in turns of this thread: while the whole process stands still (a suspended machine) none passes.
let last = 0;
let turnsWithoutBeat = 0;
setInterval(() => {
  const now = Atomics.load(counter, 0);
  turnsWithoutBeat = now === last ? turnsWithoutBeat + 1 : 0;
  last = now;
  if (turnsWithoutBeat > 0 && turnsWithoutBeat % Math.ceil(stalledMs / beatMs) === 0) tellMainThread();
  if (turnsWithoutBeat === Math.ceil(hungMs / beatMs)) {
    writeSync(2, `The main thread has stalled for ${hungMs / 1_000} s. The process is ended; its service manager starts it again.\n`);
    process.kill(process.pid, "SIGKILL");
  }
}, beatMs);

/** Runs a listener in the main thread, whatever that is doing: the debugger's protocol interrupts loops of JavaScript and WebAssembly. */
function tellMainThread(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.evaluate", { expression: 'process.emit("gatehouse:stalled")' }, () => session.disconnect());
}
