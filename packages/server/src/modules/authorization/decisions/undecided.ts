import { type Decision, type Pending, PolicyError, pendingDecision } from "@gatehouse/policy";
import { Type } from "#operation/declaration/schema.ts";

/** More are not named in one answer: whoever mends what is missing asks again. */
export const undecidedMax = 100;

/** What a decision lacks: a placeholder, and what is wrong with it. */
export const Missing = Type.Array(Type.Object({ field: Type.String(), rule: Type.String(), message: Type.String() }));

export interface UndecidedItem {
  readonly id: string;
  readonly missing: readonly { readonly field: string; readonly rule: string; readonly message: string }[];
}

/** Those of a list that are allowed, and those of which it cannot be said without data that the request did not bring. */
export interface DecidedItems {
  readonly allowed: readonly string[];
  readonly undecided: readonly UndecidedItem[];
}

/**
 * Decides each of `ids`, with a pause after each. One that lacks data is named and takes none of the others with it. `isExpected` tells issues that a list always
 * has, as attributes of resources that only the application knows: such items are left out, as the filter covers them.
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

/** Collects what the batches of a page leave undecided; a page names what lies in it. */
export class UndecidedOfPage {
  readonly #found: UndecidedItem[] = [];

  /** Notes what is undecided of a batch, and hands on what is allowed. */
  take({ allowed, undecided }: DecidedItems): readonly string[] {
    this.#found.push(...undecided);
    return allowed;
  }

  /** Those up to where the page ends (null: the end of the list): what comes after is the next page's. */
  until(end: string | null): readonly UndecidedItem[] {
    return (end === null ? this.#found : this.#found.filter(({ id }) => id <= end)).slice(0, undecidedMax);
  }
}
