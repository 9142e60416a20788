/** How the wait for an answer ended without one. */
export type GivenUp = "silence" | "time";

/** Requests that wait for their answers, by the number that is the last word of their address. */
export class Pending<Answer> {
  readonly #waiting = new Map<string, Waiting<Answer>>();
  #number = 0;

  /** `number` addresses the answer; `answer` rejects with how it was given up. */
  add(timeoutMs: number, silenceMs: number): { readonly number: string; readonly answer: Promise<Answer> } {
    this.#number += 1;
    const number = this.#number.toString(36);
    const now = performance.now();
    const answer = new Promise<Answer>((resolve, reject) => {
      const waiting: Waiting<Answer> = { until: now + timeoutMs, silenceMs, answeredAt: now, resolve, reject, timer: undefined };
      this.#waiting.set(number, waiting);
      this.#watch(number, waiting);
    });
    return { number, answer };
  }

  /** The asked side works on it. */
  sign(number: string): void {
    const waiting = this.#waiting.get(number);
    if (waiting) waiting.answeredAt = performance.now();
  }

  /** False where nobody waits for it any more. */
  settle(number: string, how: { readonly answer: Answer } | { readonly error: unknown }): boolean {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return false;
    this.#waiting.delete(number);
    clearTimeout(waiting.timer);
    if ("answer" in how) waiting.resolve(how.answer);
    else waiting.reject(how.error);
    return true;
  }

  #watch(number: string, waiting: Waiting<Answer>): void {
    const due = Math.min(waiting.until, waiting.answeredAt + waiting.silenceMs);
    waiting.timer = setTimeout(() => this.#look(number, waiting), Math.max(0, due - performance.now()));
  }

  #look(number: string, waiting: Waiting<Answer>): void {
    // What came while this process stood still, or was busy, is read before anything is given up.
    setImmediate(() => {
      if (this.#waiting.get(number) !== waiting) return;
      const now = performance.now();
      if (now >= waiting.until) this.settle(number, { error: "time" satisfies GivenUp });
      else if (now >= waiting.answeredAt + waiting.silenceMs) this.settle(number, { error: "silence" satisfies GivenUp });
      else this.#watch(number, waiting);
    });
  }
}

interface Waiting<Answer> {
  readonly until: number;
  readonly silenceMs: number;
  answeredAt: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  timer: NodeJS.Timeout | undefined;
}
