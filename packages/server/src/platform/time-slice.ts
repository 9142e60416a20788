import { setImmediate as untilNextTurn } from "node:timers/promises";

/** How long the work for requests holds the event loop before sockets and timers are served. */
const sliceMs = 10;

let began: number | undefined;

/** Whether this turn of the event loop has worked for its time, whatever it has worked on. */
export function isSliceOver(): boolean {
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

/** Lets sockets and timers be served. Of many that wait, each goes on only while the turn has time left. */
export async function nextSlice(): Promise<void> {
  do await untilNextTurn();
  while (isSliceOver());
}

/** Runs work that can pause to its end, with a pause where the time of the turn is over. */
export async function inSlices<Answer>(steps: Generator<void, Answer>): Promise<Answer> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (isSliceOver()) await nextSlice();
  }
}
