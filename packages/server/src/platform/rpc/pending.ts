/** Why a request was abandoned: its serving process was silent, or its time limit was exceeded. */
export type TimeoutKind = "silence" | "time";

/** Requests that wait for their answers, by the number that ends their reply subject. */
export class Pending<Answer> {
  readonly #waiting = new Map<string, Waiting<Answer>>();
  #number = 0;

  /** `number` ends the reply subject; `answer` rejects with a {@link TimeoutKind}. */
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

  /** Records a sign of life of the serving process. */
  sign(number: string): void {
    const waiting = this.#waiting.get(number);
    if (waiting) waiting.answeredAt = performance.now();
  }

  /** Settles a request. False if it no longer waits. */
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
    // Data that arrived while this process was blocked is read before a request is abandoned.
    setImmediate(() => {
      if (this.#waiting.get(number) !== waiting) return;
      const now = performance.now();
      if (now >= waiting.until) this.settle(number, { error: "time" satisfies TimeoutKind });
      else if (now >= waiting.answeredAt + waiting.silenceMs) this.settle(number, { error: "silence" satisfies TimeoutKind });
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
