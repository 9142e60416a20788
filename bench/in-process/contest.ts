/** Answers the same questions as its opponents. What they are about is prepared before, in the form that suits the engine best. */
export interface Contestant {
  readonly name: string;
  /** Answers the questions from `from` up to before `to`, and counts those that it allows. */
  count(from: number, to: number): number;
}

export interface Contest {
  readonly ours: Contestant;
  readonly reference: Contestant;
  /**
   * One side leaves so much garbage that collecting it would be the other's work: each has the whole repetition for itself,
   * and what is left after it is collected before the next one begins.
   */
  readonly apart?: boolean;
  /** The right answers, known from how the questions were made and from no engine. */
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

/** Short, so that what slows the machine for a while slows both sides, and long beside the resolution of the clock. */
const sliceMs = 50;
const chunkMs = 1;

/** Asks one contestant for a while, and goes on with the sequence where it stopped before. */
export class Runner {
  readonly contestant: Contestant;
  /** How many of the questions before each one are allowed. */
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

  /** Until it is compiled, and so many questions are asked at a time that the clock costs nothing. */
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

  /** Answers a second since it was asked last. */
  takeRate(): number {
    const rate = (this.#answered / this.#elapsedMs) * 1_000;
    this.#answered = 0;
    this.#elapsedMs = 0;
    return rate;
  }

  /** The sum is used and checked, so that nothing of the work can be left out. */
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

/** Lets them answer in turn, slice by slice, each for `ms`; answers a second of each. */
export function rates(runners: readonly Runner[], ms: number, apart = false): number[] {
  const length = apart ? ms : sliceMs;
  for (let spent = 0; spent < ms; spent += length) {
    for (const runner of runners) {
      if (apart) globalThis.gc?.();
      runner.slice(length);
    }
  }
  return runners.map((runner) => runner.takeRate());
}
