import type { Literal } from "../condition/condition.ts";
import type { Network } from "../condition/network.ts";
import type { ScalarType } from "./compare.ts";
import type { Sql } from "./fragment.ts";

/** A column, and whether its SQL type has been declared: only then is it compared in a way that its index serves. */
export interface ColumnForm {
  readonly sql: Sql;
  readonly declared: boolean;
  readonly isUuid: boolean;
}

/**
 * How one database says what the operators mean. Whatever gets a column is null when the column is, and has no other way to
 * fail on what the column holds. Lists of values are never empty and hold only what `canHold` allows.
 */
export interface Dialect {
  placeholder(position: number): string;
  quoted(identifier: string): string;
  /** The unknown truth. */
  readonly unknown: Sql;
  /** The code units and characters that no text of the database has. */
  readonly foreign: RegExp;

  /** A text column as text that compares by its characters alone. */
  text(column: Sql): Sql;
  textValue(text: string): Sql;
  numberValue(number: number): Sql;
  isAnyOf(column: ColumnForm, type: ScalarType, values: readonly Literal[]): Sql;

  startsWith(text: Sql, part: Sql): Sql;
  endsWith(text: Sql, part: Sql): Sql;
  includes(text: Sql, part: Sql): Sql;

  /** Null for what is no address. */
  isInNetworks(text: Sql, networks: readonly Network[]): Sql;

  /** A time column without what is finer than a millisecond. */
  wholeMs(column: Sql): Sql;
  /** Milliseconds since 1970, between the years 1 and 9999. */
  timeValue(ms: number): Sql;

  /** Whether a column holds a list, and no null in it. Never null. */
  isList(column: Sql): Sql;
  /** Whether something holds of lists, false or null where they are none: in the form that an index serves. */
  whereLists(areLists: Sql, then: Sql): Sql;
  isEmptyList(list: Sql): Sql;
  hasAny(list: Sql, type: ScalarType, values: readonly Literal[]): Sql;
  hasAll(list: Sql, type: ScalarType, values: readonly Literal[]): Sql;
  /** Whether the list has no other elements than the values. */
  hasOnly(list: Sql, type: ScalarType, values: readonly Literal[]): Sql;
  hasElement(list: Sql, type: ScalarType, column: Sql): Sql;
  overlaps(list: Sql, other: Sql, type: ScalarType): Sql;
  covers(list: Sql, other: Sql, type: ScalarType): Sql;
}

/** The decimal digits of a number: all of them for a whole one, where JavaScript would round what it writes. */
export const digitsOf = (number: number): string => (Number.isInteger(number) ? BigInt(number).toString() : String(number));
