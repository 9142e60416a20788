import { type Decision, type Pending, PolicyError, pendingDecision } from "@gatehouse/policy";
import { Type } from "#operation/declaration/schema.ts";

/** Undecided items that one response lists at most. */
export const undecidedMax = 100;

/** The placeholders that a decision lacks, each with its issue. */
export const Missing = Type.Array(Type.Object({ field: Type.String(), rule: Type.String(), message: Type.String() }));

export interface UndecidedItem {
  readonly id: string;
  readonly missing: readonly { readonly field: string; readonly rule: string; readonly message: string }[];
}

/** The allowed items of a list, and those that cannot be decided without data missing in the request. */
export interface DecidedItems {
  readonly allowed: readonly string[];
  readonly undecided: readonly UndecidedItem[];
}

/**
 * Decides each of `ids` and yields after each. Items without the needed data are returned as undecided. `isExpected` selects issues that a
 * list always has, such as attributes of resources that only the application knows: such items are left out, because the filter covers
 * them.
 */
export function* decideEach(
  ids: readonly string[],
  decideOne: (id: string) => Decision | Pending,
  isExpected: (field: string) => boolean,
): Generator<void, DecidedItems | Pending> {
  const allowed: string[] = [];
  const undecided: UndecidedItem[] = [];
  let isComplete = true;
  for (const id of ids) {
    try {
      const decision = decideOne(id);
      if (decision === pendingDecision) isComplete = false;
      else if (decision.allowed) allowed.push(id);
    } catch (error) {
      if (!(error instanceof PolicyError) || error.code !== "invalid_input") throw error;
      if (!error.issues.every(({ field }) => isExpected(field))) undecided.push({ id, missing: error.issues });
    }
    yield;
  }
  return isComplete ? { allowed, undecided } : pendingDecision;
}

export const isOfResource = (field: string): boolean => field.startsWith("$resource.");

/** Collects the undecided items of a page's batches. */
export class UndecidedOfPage {
  readonly #found: UndecidedItem[] = [];

  /** Adds the undecided items of a batch and returns the allowed ones. */
  take({ allowed, undecided }: DecidedItems): readonly string[] {
    this.#found.push(...undecided);
    return allowed;
  }

  /** The undecided items up to the end of the page, or with null of the list. Later ones belong to the next page. */
  until(end: string | null): readonly UndecidedItem[] {
    return (end === null ? this.#found : this.#found.filter(({ id }) => id <= end)).slice(0, undecidedMax);
  }
}
