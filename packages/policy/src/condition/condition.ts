/**
 * A condition: JSON that a form can edit, never code. Each comparison names its operands; a text that begins
 * with `$` is a placeholder, `{ "value": … }` is always a literal.
 */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | Comparison;

export interface Comparison {
  readonly operator: Operator;
  readonly left: Operand;
  /** Absent for `exists` alone. */
  readonly right?: Operand;
  /** The IANA time zone of `time_of_day_between` and `weekday_in`; UTC by default. */
  readonly zone?: string;
}

export type Literal = string | number | boolean;
export type Operand = Literal | readonly Literal[] | { readonly value: Literal | readonly Literal[] };

/**
 * | operator | left | right |
 * | --- | --- | --- |
 * | equals, not_equals | text, number or boolean | the same |
 * | less_than, at_most, greater_than, at_least | number | number |
 * | in, not_in | text, number or boolean | list of the same |
 * | contains | list | text or number |
 * | contains_any, contains_all | list | list |
 * | starts_with, ends_with, includes | text | text |
 * | before, after | time | time |
 * | within_last | time | seconds: the time is past, by no more than that |
 * | time_of_day_between | time | ["08:00", "17:30"] literally: from the first minute up to before the last; over midnight when the second is smaller |
 * | weekday_in | time | list of mon … sun, literally |
 * | in_network | address | CIDR or a list of them, literally |
 * | exists | anything | – |
 *
 * The last four but `in_network` and `exists` compare a moment with a calendar and do not take `$resource` as their left.
 */
export const operators = [
  "equals",
  "not_equals",
  "less_than",
  "at_most",
  "greater_than",
  "at_least",
  "in",
  "not_in",
  "contains",
  "contains_any",
  "contains_all",
  "starts_with",
  "ends_with",
  "includes",
  "before",
  "after",
  "within_last",
  "time_of_day_between",
  "weekday_in",
  "in_network",
  "exists",
] as const;
export type Operator = (typeof operators)[number];

/** The roots of placeholders. `$now` is a time; the others have attributes: `$request.class_id`. */
export const roots = ["user", "tenant", "session", "request", "resource", "now"] as const;
export type Root = (typeof roots)[number];

/** Limits on the cost of a condition. */
export const conditionLimits = { depth: 8, nodes: 64, listLength: 200, textLength: 1_000, pathLength: 4 } as const;

/** The values of placeholders. A missing one is undefined or null. */
export interface Environment {
  readonly user: Readonly<Record<string, unknown>>;
  readonly tenant: Readonly<Record<string, unknown>>;
  readonly session: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Counts work; throws `evaluation_limit` if it exceeds the limit. By default nothing is counted. */
  spend?(steps: number): void;
}
