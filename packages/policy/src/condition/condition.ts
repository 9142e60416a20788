/**
 * A condition: JSON that a form can edit, never code. Each comparison says what it compares; a text that begins
 * with `$` is a placeholder, `{ "value": … }` a literal whatever it looks like.
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
  /** The IANA time zone of `time_of_day_between` and `weekday_in`; UTC where it is absent. */
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

/** What placeholders stand for. `$now` is a time by itself; the others have attributes: `$request.class_id`. */
export const roots = ["user", "tenant", "session", "request", "resource", "now"] as const;
export type Root = (typeof roots)[number];

/** Bounds, so that a condition costs a known amount at most. */
export const conditionLimits = { depth: 8, nodes: 64, listLength: 200, textLength: 1_000, pathLength: 4 } as const;

/** The values that placeholders take. A missing one is undefined or null. */
export interface Environment {
  readonly user: Readonly<Record<string, unknown>>;
  readonly tenant: Readonly<Record<string, unknown>>;
  readonly session: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Counts work; throws `evaluation_limit` where there was too much. Absent: nothing is counted. */
  spend?(steps: number): void;
}
