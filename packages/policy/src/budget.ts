import { PolicyError } from "./issues.ts";

/**
 * Work is counted in steps of about 50 ns, so that a limit is the same on every machine and testable without a clock.
 */
export const stepCosts = {
  comparison: 2,
  /** A member of an object that is copied. */
  member: 4,
  /** A node of a condition that is compiled. */
  compilation: 20,
  /** A list item that is compared, and possibly added to a set. */
  listItem: 2,
  /** A time in a time zone, computed by the runtime's calendar. */
  calendar: 40,
  /** A comparison that stays open and becomes part of a filter. */
  residual: 40,
  /** A network that is parsed once, and compared in one step. */
  network: 10,
  /** A look-up of relationships: building a key, finding it, and caching the outcome. */
  lookup: 20,
} as const;

export const evaluationLimits = {
  /** One decision: about 20 ms, because it does not pause. Enough for the maximum look-ups of a walk and other work. */
  decisionSteps: 450_000,
  /** One filter or list over all paths to a subject. It pauses between candidates, so it may take longer. */
  listSteps: 4_000_000,
  /** Maximum items of a placeholder's list. No operator accepts a longer one. */
  listLength: 10_000,
} as const;

/** Characters of a text per step, because dozens are compared at a time. */
const charactersAStep = 64;

/** Characters per step of a searched text, which are compared one by one. */
const charactersSearchedAStep = 5;

/** The cost of reading or searching a value, in steps. */
export function costOf(value: unknown, searching = false): number {
  if (typeof value === "string") return Math.ceil(value.length / (searching ? charactersSearchedAStep : charactersAStep));
  // A list that is too long is rejected without reading it.
  return Array.isArray(value) && value.length <= evaluationLimits.listLength ? value.length * stepCosts.listItem : 0;
}

/** Steps shared by several decisions, such as those of one request. */
export class Budget {
  readonly #limit: number;
  /** A budget in which all steps are also counted. */
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

  /** Throws `evaluation_limit` if no steps are left. */
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

/** Runs work that can pause to its end, without pausing. */
export function toEnd<Answer>(steps: Generator<void, Answer>): Answer {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
