import { describe, expect, it } from "vitest";
import type { Literal } from "../condition/condition.ts";
import type { Filter, FilterOperator } from "./filter.ts";
import { compileFilter, matches } from "./match.ts";

const compares = (attribute: string, operator: FilterOperator, value?: Literal | readonly Literal[]): Filter => ({
  kind: "compare",
  operator,
  left: { attribute },
  ...(value === undefined ? {} : { right: { value } }),
});
const not = (of: Filter): Filter => ({ kind: "not", of });
const all = (...of: Filter[]): Filter => ({ kind: "all", of });
const any = (...of: Filter[]): Filter => ({ kind: "any", of });

/** True, false, or undefined where neither a filter nor its negation chooses. */
const truth = (filter: Filter, resource: Record<string, unknown>) =>
  matches(filter, resource) ? true : matches(not(filter), resource) ? false : undefined;

describe("three-valued logic", () => {
  const yes: Filter = { kind: "always" };
  const no: Filter = { kind: "never" };
  const unknown = compares("absent", "equals", 1);

  it.each<[string, Filter, boolean | undefined]>([
    ["unknown", unknown, undefined],
    ["not unknown", not(unknown), undefined],
    ["all of unknown and false", all(unknown, no), false],
    ["all of unknown and true", all(unknown, yes), undefined],
    ["any of unknown and true", any(unknown, yes), true],
    ["any of unknown and false", any(unknown, no), undefined],
    ["all of none", all(), true],
    ["any of none", any(), false],
  ])("%s", (_, filter, expected) => expect(truth(filter, {})).toBe(expected));
});

describe("attributes of a filter", () => {
  it("are own properties, addressed by dotted paths", () => {
    const resource = { id: "7", owner: { id: "u1" } };
    expect(matches(compares("id", "equals", "7"), resource)).toBe(true);
    expect(matches(compares("owner.id", "equals", "u1"), resource)).toBe(true);
    expect(matches(compares("owner.name.first", "equals", "u1"), resource)).toBe(false);
  });

  it("are never inherited", () => {
    const inherited = Object.create({ name: "a", owner: { id: "u1" } }) as Record<string, unknown>;
    for (const name of ["name", "owner.id", "constructor", "toString", "__proto__", "constructor.name", "__proto__.name"]) {
      expect(truth(compares(name, "exists"), inherited), name).toBe(false);
    }
  });

  it("make a comparison and its negation unknown if they are null, missing or of another type", () => {
    for (const value of [null, undefined, "1", true, [1], {}, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(truth(compares("size", "equals", 1), { size: value }), String(value)).toBeUndefined();
      expect(truth(compares("size", "not_equals", 1), { size: value }), String(value)).toBeUndefined();
      expect(truth(compares("size", "less_than", 1), { size: value }), String(value)).toBeUndefined();
    }
  });
});

describe("operators of a filter", () => {
  it.each<[Filter, Record<string, unknown>, boolean | undefined]>([
    [compares("a", "equals", "x"), { a: "x" }, true],
    [compares("a", "equals", "x"), { a: "X" }, false],
    [compares("a", "equals", "x"), { a: "x " }, false],
    [compares("a", "in", []), { a: "x" }, false],
    [compares("a", "in", []), {}, undefined],
    [compares("a", "not_in", []), { a: "x" }, true],
    [compares("a", "not_in", ["x"]), {}, undefined],
    [compares("a", "contains", "x"), { a: ["x", "y"] }, true],
    [compares("a", "contains", "x"), { a: [] }, false],
    [compares("a", "contains", "x"), { a: ["x", null] }, undefined],
    [compares("a", "contains_all", []), { a: [] }, true],
    [compares("a", "contains_any", []), { a: ["x"] }, false],
    [compares("a", "includes", "%"), { a: "50 %" }, true],
    [compares("a", "includes", "%"), { a: "50" }, false],
    [compares("a", "before", "2026-01-01"), { a: new Date(0) }, true],
    [compares("a", "before", 1), { a: "1970-01-01T00:00:00.001Z" }, false],
    [compares("a", "after", "2026-01-01T00:00:00Z"), { a: "yesterday" }, undefined],
    [compares("a", "after", "2026-01-01T00:00:00Z"), { a: new Date(Number.NaN) }, undefined],
    [compares("a", "in_network", "10.0.0.0/8"), { a: "10.1.2.3" }, true],
    [compares("a", "in_network", "10.0.0.0/8"), { a: "::ffff:10.1.2.3" }, true],
    [compares("a", "in_network", ["10.0.0.0/8", "2001:db8::/32"]), { a: "2001:db8::1" }, true],
    [compares("a", "in_network", "10.0.0.0/8"), { a: "010.1.2.3" }, undefined],
    [compares("a", "equals", 5), { a: 5n }, true],
    [compares("a", "equals", 2 ** 53), { a: 2n ** 53n + 1n }, undefined],
    [compares("a", "starts_with", "\ud83d"), { a: "😀" }, undefined],
    [compares("a", "exists"), { a: [] }, true],
    [compares("a", "exists"), { a: null }, false],
  ])("%o of %o is %o", (filter, resource, expected) => expect(truth(filter, resource)).toBe(expected));

  it("are unknown for a right side of another shape, and do not throw", () => {
    for (const operator of ["in", "not_in", "contains_any", "in_network", "before", "equals"] as const) {
      expect(matches(compares("a", operator), { a: "x" })).toBe(false);
      expect(matches(compares("a", operator, "y"), { a: { deep: 1 } })).toBe(false);
    }
  });
});

it("a compiled filter has no state between resources", () => {
  const chooses = compileFilter(all(compares("a", "in", ["x", "y"]), not(compares("b", "equals", true))));
  expect([{ a: "x", b: false }, { a: "x", b: true }, { a: "z", b: false }, { a: "y" }].map(chooses)).toEqual([true, false, false, false]);
});
