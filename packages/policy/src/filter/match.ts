import { valueAt } from "../condition/operands.ts";
import { invalid, no, notOf, type Truth, yes } from "../truth.ts";
import { compare, comparisonWith } from "./compare.ts";
import type { Filter, FilterComparison, FilterOperand } from "./filter.ts";

type Resource = Readonly<Record<string, unknown>>;
type Test = (resource: Resource) => Truth;

/**
 * Whether the filter chooses the resource. Attributes are the object's own properties (`id` is one like the others), with dots
 * those of objects in it (`owner.id`); text, finite numbers, bigints that a number has the value of, booleans, arrays of those,
 * and for times Dates too. A comparison with one that is missing, null or of another type is unknown, and only true chooses.
 * Never throws for what a resource holds. `compileFilter` is faster for many resources.
 */
export const matches = (filter: Filter, resource: Resource): boolean => compileFilter(filter)(resource);

/** `matches` for many resources: the filter is read once. */
export function compileFilter(filter: Filter): (resource: Resource) => boolean {
  const test = compile(filter);
  return (resource) => test(resource) === yes;
}

function compile(filter: Filter): Test {
  switch (filter.kind) {
    case "always":
      return () => yes;
    case "never":
      return () => no;
    case "all":
      return decidedBy(no, filter.of.map(compile));
    case "any":
      return decidedBy(yes, filter.of.map(compile));
    case "not": {
      const test = compile(filter.of);
      return (resource) => notOf(test(resource));
    }
    case "compare":
      return compileComparison(filter);
  }
}

/** One part with the deciding value is enough; without one, an unknown part leaves it unknown. */
function decidedBy(deciding: Truth, tests: readonly Test[]): Test {
  return (resource) => {
    let truth = notOf(deciding);
    for (const test of tests) {
      const part = test(resource);
      if (part === deciding) return deciding;
      if (part === invalid) truth = invalid;
    }
    return truth;
  };
}

function compileComparison({ operator, left, right }: FilterComparison): Test {
  const leftOf = getterOf(left);
  if (right && "attribute" in right) {
    const rightOf = getterOf(right);
    return (resource) => compare(operator, leftOf(resource), rightOf(resource));
  }
  const test = comparisonWith(operator, right?.value);
  return (resource) => test(leftOf(resource));
}

function getterOf(operand: FilterOperand): (resource: Resource) => unknown {
  if ("value" in operand) return () => operand.value;
  const path = operand.attribute.split(".");
  return (resource) => valueAt(resource, path);
}
