/** Answers the same questions as its opponent. The questions are prepared in the best format for the engine. */
export interface Contestant {
  readonly name: string;
  /** Answers the questions from `from` up to before `to`, and counts those that it allows. */
  count(from: number, to: number): number;
}

export interface Contest {
  readonly ours: Contestant;
  readonly reference: Contestant;
  /**
   * Where one side leaves so much garbage that the other would have to collect it: each side has a whole repetition, and its garbage
   * is collected before the next one starts.
   */
  readonly isolated?: boolean;
  /** The right answers, from the construction of the questions and not from an engine. */
  readonly expected: readonly boolean[];
}

/** Every answer of every contestant, one by one. */
export function checkAnswers({ ours, reference, expected }: Contest): void {
  for (const contestant of [ours, reference]) {
    for (const [index, right] of expected.entries()) {
      const allowed = contestant.count(index, index + 1);
      if (allowed === Number(right)) continue;
      throw new Error(`${contestant.name} answered question ${index} with ${allowed === 1}; right is ${right}`);
    }
  }
}

/** Short, so that a disturbance of the machine affects both sides, and long compared with the resolution of the clock. */
const sliceMs = 50;
const chunkMs = 1;

/** Runs one contestant for a while, and continues the sequence where it stopped. */
export class Runner {
  readonly contestant: Contestant;
  /** The number of allowed questions before each one. */
  readonly #allowedBefore: Float64Array;
  readonly #questions: number;
  #at = 0;
  #chunk = 1;
  #answered = 0;
  #elapsedMs = 0;

  constructor(contestant: Contestant, expected: readonly boolean[]) {
    this.contestant = contestant;
    this.#questions = expected.length;
    this.#allowedBefore = new Float64Array(expected.length + 1);
    for (const [index, right] of expected.entries())
      this.#allowedBefore[index + 1] = (this.#allowedBefore[index] as number) + Number(right);
  }

  /** Runs until it is compiled, with so many questions at a time that reading the clock costs nothing. */
  warmUp(ms: number): void {
    const end = performance.now() + ms;
    for (let now = performance.now(); now < end; ) {
      this.#ask();
      const then = performance.now();
      if (then - now < chunkMs && this.#chunk < this.#questions) this.#chunk = Math.min(this.#questions, this.#chunk * 2);
      now = then;
    }
    this.takeRate();
  }

  slice(ms: number): void {
    const start = performance.now();
    let now = start;
    while (now - start < ms) {
      this.#answered += this.#ask();
      now = performance.now();
    }
    this.#elapsedMs += now - start;
  }

  /** Answers per second since the last call. */
  takeRate(): number {
    const rate = (this.#answered / this.#elapsedMs) * 1_000;
    this.#answered = 0;
    this.#elapsedMs = 0;
    return rate;
  }

  /** Uses and checks the sum, so that the compiler cannot remove work. */
  #ask(): number {
    const from = this.#at;
    const to = Math.min(from + this.#chunk, this.#questions);
    const allowed = this.contestant.count(from, to);
    const right = (this.#allowedBefore[to] as number) - (this.#allowedBefore[from] as number);
    if (allowed !== right) {
      throw new Error(`${this.contestant.name} allowed ${allowed} of the questions ${from} to ${to - 1}; right is ${right}`);
    }
    this.#at = to === this.#questions ? 0 : to;
    return to - from;
  }
}

/** Runs them in turn, slice by slice, each for `ms`; returns answers per second of each. */
export function rates(runners: readonly Runner[], ms: number, isolated = false): number[] {
  const length = isolated ? ms : sliceMs;
  for (let spent = 0; spent < ms; spent += length) {
    for (const runner of runners) {
      if (isolated) globalThis.gc?.();
      runner.slice(length);
    }
  }
  return runners.map((runner) => runner.takeRate());
}
