import { compileCondition } from "../condition/compile.ts";
import type { Condition, Environment } from "../condition/condition.ts";
import { allOf, anyOf, invalid, no, notOf, pending, type Truth, yes } from "../truth.ts";
import type { Algebra } from "./algebra.ts";

/** The algebra of decisions. Invalid conditions are passed to `onInvalid`. */
export const truths = (environment: () => Environment, onInvalid: (condition: Condition) => void): Algebra<Truth> => ({
  yes,
  no,
  pending,
  any: anyOf,
  all: allOf,
  not: notOf,
  isYes: (part) => part === yes,
  isNo: (part) => part === no,
  isPending: (part) => part === pending,
  condition(relationship) {
    const condition = relationship.condition as Condition;
    const truth = compileCondition(condition, environment())(environment());
    if (truth === invalid) onInvalid(condition);
    return truth;
  },
});
