import { evaluationLimits } from "../budget.ts";
import { invalid, no, notOf, type Truth, truthOf, yes } from "../truth.ts";
import type { Operator } from "./condition.ts";
import { isWithin, parseAddress, parseNetwork } from "./network.ts";
import { includesText } from "./text-search.ts";
import { calendarOf, minuteOf, timeOf, weekdays } from "./time.ts";

/** The types that one side of a comparison accepts. */
export type Kind = "scalar" | "text" | "number" | "time" | "address" | "list" | "anything" | "hours" | "weekdays" | "networks";

export interface OperatorDefinition {
  readonly left: Kind;
  readonly right: Kind | undefined;
  /** The right side must be a literal, so that it is checked when the condition is defined. */
  readonly literal?: true;
  /** Whether `$resource` may be on the left, so that it can be converted to a filter. */
  readonly ofResource: boolean;
  /** Compares; invalid if a side is missing or of another type. */
  compare(left: unknown, right: unknown, zone: string): Truth;
  /** Prepares comparisons with the same right side. */
  readonly bind?: (right: unknown, zone: string) => (left: unknown) => Truth;
}

export const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
/** Whether a value is a list of bounded length, so that the cost of a comparison is bounded. */
export const isList = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.length <= evaluationLimits.listLength && value.every(isScalar);
const isTooLong = (value: unknown): boolean => Array.isArray(value) && value.length > evaluationLimits.listLength;

const equal = (left: unknown, right: unknown): Truth => {
  if (typeof left !== typeof right || !isScalar(left) || !isScalar(right)) return invalid;
  return left === right ? yes : no;
};

const numbers = (test: (left: number, right: number) => boolean): OperatorDefinition => ({
  left: "number",
  right: "number",
  ofResource: true,
  compare: (left, right) => (isNumber(left) && isNumber(right) ? truthOf(test(left, right)) : invalid),
});
const texts = (test: (left: string, right: string) => boolean): OperatorDefinition => ({
  left: "text",
  right: "text",
  ofResource: true,
  // An unpaired surrogate is rejected, because a database cannot search for it.
  compare: (left, right) =>
    typeof left === "string" && typeof right === "string" && left.isWellFormed() && right.isWellFormed()
      ? truthOf(test(left, right))
      : invalid,
});
const times = (test: (left: number, right: number) => boolean): OperatorDefinition => {
  const compare = (left: unknown, right: number): Truth => {
    const at = timeOf(left);
    return Number.isNaN(at) || Number.isNaN(right) ? invalid : truthOf(test(at, right));
  };
  return {
    left: "time",
    right: "time",
    ofResource: true,
    compare: (left, right) => compare(left, timeOf(right)),
    bind: (right) => {
      const bound = timeOf(right);
      return (left) => compare(left, bound);
    },
  };
};
const lists = (test: (left: readonly unknown[], right: readonly unknown[]) => boolean): OperatorDefinition => ({
  left: "list",
  right: "list",
  ofResource: true,
  compare: (left, right) => (isList(left) && isList(right) ? truthOf(test(left, right)) : invalid),
});

/** Below this many comparisons a search is faster than a set of the values. */
const searchedMax = 256;
/** Compares two lists in time linear in the sum of their lengths. */
function containedIn(list: readonly unknown[], comparisons: number): (value: unknown) => boolean {
  if (list.length * comparisons <= searchedMax) return (value) => list.includes(value);
  const values = new Set(list);
  return (value) => values.has(value);
}

const membership = (left: unknown, right: unknown): Truth => (isScalar(left) && isList(right) ? truthOf(right.includes(left)) : invalid);
const bindMembership = (right: unknown): ((left: unknown) => Truth) => {
  const values = new Set(right as readonly unknown[]);
  return (left) => (isScalar(left) ? truthOf(values.has(left)) : invalid);
};

function hours(left: unknown, right: unknown, zone: string): Truth {
  const at = timeOf(left);
  const [from, to] = (right as readonly unknown[]).map(minuteOf) as [number, number];
  if (Number.isNaN(at)) return invalid;
  const { minute } = calendarOf(at, zone);
  return truthOf(from <= to ? minute >= from && minute < to : minute >= from || minute < to);
}

const bindNetworks = (right: unknown): ((left: unknown) => Truth) => {
  const networks = [right].flat().map((text) => parseNetwork(String(text)));
  return (left) => {
    const address = typeof left === "string" ? parseAddress(left) : undefined;
    return address ? truthOf(networks.some((network) => network !== undefined && isWithin(address, network))) : invalid;
  };
};

/** Every operator with its operand types and comparison. */
export const operatorDefinitions: Readonly<Record<Operator, OperatorDefinition>> = {
  equals: { left: "scalar", right: "scalar", ofResource: true, compare: equal },
  not_equals: { left: "scalar", right: "scalar", ofResource: true, compare: (left, right) => notOf(equal(left, right)) },
  less_than: numbers((left, right) => left < right),
  at_most: numbers((left, right) => left <= right),
  greater_than: numbers((left, right) => left > right),
  at_least: numbers((left, right) => left >= right),
  in: { left: "scalar", right: "list", ofResource: true, compare: membership, bind: bindMembership },
  not_in: {
    left: "scalar",
    right: "list",
    ofResource: true,
    compare: (left, right) => notOf(membership(left, right)),
    bind: (right) => {
      const isMember = bindMembership(right);
      return (left) => notOf(isMember(left));
    },
  },
  contains: { left: "list", right: "scalar", ofResource: true, compare: (left, right) => membership(right, left) },
  contains_any: lists((left, right) => {
    const isContained = containedIn(left, right.length);
    return right.some(isContained);
  }),
  contains_all: lists((left, right) => {
    const isContained = containedIn(left, right.length);
    return right.every(isContained);
  }),
  starts_with: texts((left, right) => left.startsWith(right)),
  ends_with: texts((left, right) => left.endsWith(right)),
  includes: texts(includesText),
  before: times((left, right) => left < right),
  after: times((left, right) => left > right),
  // The compiler adds `$now`: this operator compares three values.
  within_last: { left: "time", right: "number", ofResource: true, compare: () => invalid },
  time_of_day_between: { left: "time", right: "hours", literal: true, ofResource: false, compare: hours },
  weekday_in: {
    left: "time",
    right: "weekdays",
    literal: true,
    ofResource: false,
    compare(left, right, zone) {
      const at = timeOf(left);
      return Number.isNaN(at) ? invalid : truthOf((right as readonly unknown[]).includes(calendarOf(at, zone).weekday));
    },
  },
  in_network: {
    left: "address",
    right: "networks",
    literal: true,
    ofResource: true,
    compare: (left, right) => bindNetworks(right)(left),
    bind: bindNetworks,
  },
  exists: {
    left: "anything",
    right: undefined,
    ofResource: true,
    // The value exists, so "no" would be wrong.
    compare: (left) => (isTooLong(left) ? invalid : truthOf(isScalar(left) || isList(left))),
  },
};

export function isWithinLast(left: unknown, seconds: unknown, now: number): Truth {
  const at = timeOf(left);
  if (Number.isNaN(at) || !isNumber(seconds)) return invalid;
  return truthOf(at <= now && at >= now - seconds * 1_000);
}

/** Whether a side accepts a value. */
export function isOfKind(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "scalar":
      return isScalar(value);
    case "text":
      return typeof value === "string";
    case "number":
      return isNumber(value);
    case "time":
      return !Number.isNaN(timeOf(value));
    case "address":
      return typeof value === "string" && parseAddress(value) !== undefined;
    case "list":
      return isList(value);
    case "anything":
      return isScalar(value) || isList(value);
    case "hours":
      return Array.isArray(value) && value.length === 2 && value.every((text) => minuteOf(text) !== undefined);
    case "weekdays":
      return Array.isArray(value) && value.length > 0 && value.every((text) => weekdays.includes(text as never));
    case "networks":
      return [value].flat().length > 0 && [value].flat().every((text) => typeof text === "string" && parseNetwork(text) !== undefined);
  }
}

export const kindsInWords: Readonly<Record<Kind, string>> = {
  scalar: "a text, a number or a boolean",
  text: "a text",
  number: "a number",
  time: "a time in ISO 8601",
  address: "an IP address",
  list: `a list of at most ${evaluationLimits.listLength} texts, numbers or booleans`,
  anything: `a text, a number, a boolean, or a list of at most ${evaluationLimits.listLength} of them`,
  hours: 'two times of the day, ["08:00", "17:30"]',
  weekdays: "a list of mon, tue, wed, thu, fri, sat, sun",
  networks: "a network like 10.0.0.0/8, or a list of them",
};
