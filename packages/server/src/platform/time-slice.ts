import { setImmediate as untilNextTurn } from "node:timers/promises";

/** How long request work may occupy the event loop before sockets and timers are served. */
const sliceMs = 10;

let began: number | undefined;

/** Whether this turn of the event loop has used up its time, on any work. */
export function isSliceSpent(): boolean {
  const now = performance.now();
  if (began === undefined) {
    began = now;
    setImmediate(() => {
      began = undefined;
    });
    return false;
  }
  return now - began > sliceMs;
}

/** Lets sockets and timers be served. Each of many waiting callers continues only while its turn has time left. */
export async function nextSlice(): Promise<void> {
  do await untilNextTurn();
  while (isSliceSpent());
}

/** Runs work that can pause to its end, and pauses when the turn's time is used up. */
export async function inSlices<Answer>(steps: Generator<void, Answer>): Promise<Answer> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (isSliceSpent()) await nextSlice();
  }
}
