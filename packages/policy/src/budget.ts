import { PolicyError } from "./issues.ts";

/**
 * Work is counted in steps of some 50 ns, so that a bound says the same on every machine and a test can hold it without a clock.
 */
export const stepCosts = {
  comparison: 2,
  /** A member of an object that is copied. */
  member: 4,
  /** A part of a condition that is made into a function. */
  compilation: 20,
  /** It is looked at, and may be put into a set. */
  listItem: 2,
  /** A moment in a time zone: the calendar of the runtime is asked. */
  calendar: 40,
  /** A comparison that stays open and is written out. */
  residual: 40,
  /** A network is read from a text once, and compared in one step. */
  network: 10,
  /** A look-up of relationships: a key is put together, found, and its outcome remembered. */
  lookup: 20,
} as const;

export const evaluationLimits = {
  /** One decision: some 20 ms, because it is made without a pause. Room for as many look-ups as a walk may make, and for what is beside them. */
  decisionSteps: 450_000,
  /** One filter or list over all that leads to a subject. It pauses between candidates, so it may take longer. */
  listSteps: 4_000_000,
  /** Items of a list that a placeholder stands for. A longer one is not what any operator takes. */
  listLength: 10_000,
} as const;

/** Characters of a text that count as one step: they are compared some dozens at a time. */
const charactersAStep = 64;

/** Of a text that is searched through, one by one. */
const charactersSearchedAStep = 5;

/** What looking at a value once costs, or searching through it. */
export function costOf(value: unknown, searching = false): number {
  if (typeof value === "string") return Math.ceil(value.length / (searching ? charactersSearchedAStep : charactersAStep));
  // The length of a list that is refused is not looked at.
  return Array.isArray(value) && value.length <= evaluationLimits.listLength ? value.length * stepCosts.listItem : 0;
}

/** Steps that several decisions share: those of one request. */
export class Budget {
  readonly #limit: number;
  /** What is counted here is counted there, too. */
  readonly #above: Pick<Budget, "spend"> | undefined;
  #spent = 0;

  constructor(limit: number, above?: Pick<Budget, "spend">) {
    this.#limit = limit;
    this.#above = above;
  }

  get spent(): number {
    return this.#spent;
  }

  get isExhausted(): boolean {
    return this.#spent > this.#limit;
  }

  /** Throws `evaluation_limit` where nothing is left. */
  spend(steps: number): void {
    this.#spent += steps;
    this.#above?.spend(steps);
    if (this.#spent > this.#limit) throw tooManySteps("request");
  }
}

export const tooManySteps = (of: "decision" | "request"): PolicyError =>
  new PolicyError("evaluation_limit", [
    {
      field: of === "decision" ? "action" : "",
      rule: `${of}_steps`,
      message: of === "decision" ? "takes more steps than one decision may" : "takes more steps than the decisions of one request may",
    },
  ]);

/** Runs work that can pause to its end. */
export function toEnd<Answer>(steps: Generator<void, Answer>): Answer {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
