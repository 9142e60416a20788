import type { Literal } from "../condition/condition.ts";

/**
 * A filter of a type's resources: an expression over their attributes, in which everything else is evaluated. Logic has three values,
 * as in SQL: a comparison with a missing attribute is neither true nor false, and only what is true is chosen.
 */
export type Filter =
  | { readonly kind: "always" }
  | { readonly kind: "never" }
  | { readonly kind: "all"; readonly of: readonly Filter[] }
  | { readonly kind: "any"; readonly of: readonly Filter[] }
  | { readonly kind: "not"; readonly of: Filter }
  | FilterComparison;

/** At least one side is an attribute. The operators are those of conditions that may take `$resource`. */
export interface FilterComparison {
  readonly kind: "compare";
  readonly operator: FilterOperator;
  readonly left: FilterOperand;
  readonly right?: FilterOperand;
}

export type FilterOperator =
  | "equals"
  | "not_equals"
  | "less_than"
  | "at_most"
  | "greater_than"
  | "at_least"
  | "in"
  | "not_in"
  | "contains"
  | "contains_any"
  | "contains_all"
  | "starts_with"
  | "ends_with"
  | "includes"
  | "before"
  | "after"
  | "in_network"
  | "exists";

/** The name of an attribute (`id` is the resource's own), or a value. */
export type FilterOperand = { readonly attribute: string } | { readonly value: Literal | readonly Literal[] };
