import { isList, isScalar, operatorDefinitions } from "../condition/operators.ts";
import { invalid, type Truth } from "../truth.ts";
import type { FilterOperator } from "./filter.ts";

/**
 * Compares two values of objects like a condition. A Date is its milliseconds, and a bigint the
 * number of the same value; a bigint without an equal number has no type that an operator accepts. A text with an unpaired surrogate is
 * not searched for: no database can store it, but JavaScript would find it within a pair.
 */
export function compare(operator: FilterOperator, left: unknown, right: unknown): Truth {
  if (isTextual(operator) && (isBroken(left) || isBroken(right))) return invalid;
  return operatorDefinitions[operator].compare(plain(left), plain(right), "UTC");
}

const isTextual = (operator: FilterOperator): boolean => operator === "starts_with" || operator === "ends_with" || operator === "includes";

/** Whether a value is a text with an unpaired surrogate. */
export const isBroken = (value: unknown): boolean => typeof value === "string" && !value.isWellFormed();

/** `compare` for many left sides; the right side is prepared once. */
export function comparisonWith(operator: FilterOperator, right: unknown): (left: unknown) => Truth {
  const definition = operatorDefinitions[operator];
  // Membership's binding trusts the right side to be a list, which a condition has had checked and a filter may not.
  if (!definition.bind || (definition.right === "list" && !isList(right))) return (left) => compare(operator, left, right);
  const bound = definition.bind(plain(right), "UTC");
  return (left) => bound(plain(left));
}

export type ScalarType = "text" | "number" | "boolean";

/** The type of a scalar; undefined for a list and for a value that no operator accepts. */
export const scalarType = (value: unknown): ScalarType | undefined =>
  isScalar(value) ? (typeof value === "string" ? "text" : (typeof value as "number" | "boolean")) : undefined;

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return BigInt(Number(value)) === value ? Number(value) : undefined;
  if (value instanceof Date) return value.getTime();
  return Array.isArray(value) && value.some((element) => typeof element === "bigint") ? value.map(plain) : value;
}
