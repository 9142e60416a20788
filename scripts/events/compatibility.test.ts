import { describe, expect, it } from "vitest";
import { breaks, type Schema } from "./compatibility.ts";

const object = (properties: Record<string, Schema>, required = Object.keys(properties)): Schema => ({
  type: "object",
  required,
  properties,
});
const string: Schema = { type: "string" };
const oneOf = (...values: readonly string[]): Schema => ({ anyOf: values.map((value) => ({ const: value, type: "string" })) });
const nullable: Schema = { anyOf: [string, { type: "null" }] };
const today = "2026-12-01";
const of = (data: Schema) => ({ "book.lent.v1": data });

describe("events compared with those of a release", () => {
  it.each<[string, Schema, Schema]>([
    ["the same", object({ a: string }), object({ a: string })],
    ["an additional field", object({ a: string }), object({ a: string, b: string })],
    ["an additional nested field", object({ a: object({ b: string }) }), object({ a: object({ b: string, c: string }) })],
    ["a field that becomes required", object({ a: string }, []), object({ a: string })],
    ["an additional value", object({ a: oneOf("x") }), object({ a: oneOf("x", "y") })],
    ["one form less", object({ a: nullable }), object({ a: { anyOf: [string] } })],
    ["another description", object({ a: { ...string, description: "x" } }), object({ a: { ...string, description: "y" } })],
  ])("are compatible with %s", (_what, before, now) => {
    expect(breaks(of(before), { ...of(now), "book.returned.v1": string }, today)).toEqual([]);
  });

  it.each<[string, Schema, Schema, string]>([
    ["a field is gone", object({ a: string, b: string }), object({ a: string }), "book.lent.v1 b: the field is gone"],
    ["a field inside is gone", object({ a: object({ b: string }) }), object({ a: object({}) }), "book.lent.v1 a b: the field is gone"],
    ["a field may be missing", object({ a: string }), object({ a: string }, []), "book.lent.v1 a: was always there, may be missing now"],
    ["a type changed", object({ a: string }), object({ a: { type: "integer" } }), 'book.lent.v1 a: was of type "string", is of "integer"'],
    ["a value is gone", object({ a: oneOf("x", "y") }), object({ a: oneOf("x") }), 'book.lent.v1 a: "y" is no longer one of its values'],
    [
      "what is in a list changed",
      { type: "array", items: string },
      { type: "array", items: { type: "null" } },
      'book.lent.v1[]: was of type "string", is of "null"',
    ],
    [
      "it may be null now",
      object({ a: { anyOf: [string] } }),
      object({ a: nullable }),
      'book.lent.v1 a: a new form, {"type":"null"}, which readers of the release do not know',
    ],
  ])("are not compatible where %s", (_what, before, now, said) => {
    expect(breaks(of(before), of(now), today)).toEqual([said]);
  });

  it("are not compatible where an event is gone", () => {
    expect(breaks(of(string), {}, today)).toEqual(["book.lent.v1: the event is gone, and the release did not say that it would go"]);
  });

  it("may lack an event from its announced sunset on, and not before", () => {
    const going = of({ ...string, deprecated: true, "x-sunset": "2027-06-01" });
    expect(breaks(going, {}, "2027-06-01")).toEqual([]);
    expect(breaks(going, {}, "2027-05-31")).toEqual(["book.lent.v1: the event is gone, and the release promises it until 2027-06-01"]);
    const unsaid = of({ ...string, "x-sunset": "2027-06-01" });
    expect(breaks(unsaid, {}, "2027-06-01")).toHaveLength(1);
  });

  it("may have a second version in addition to the first, and no earlier sunset than announced", () => {
    const going = (sunset: string): Schema => ({ ...string, deprecated: true, "x-sunset": sunset });
    expect(breaks(of(string), { ...of(going("2027-06-01")), "book.lent.v2": string }, today)).toEqual([]);
    expect(breaks(of(going("2027-06-01")), of(going("2027-09-01")), today)).toEqual([]);
    expect(breaks(of(going("2027-06-01")), of(string), today)).toEqual([]);
    expect(breaks(of(going("2027-06-01")), of(going("2027-04-01")), today)).toEqual([
      "book.lent.v1: may be gone from 2027-04-01 on, and the release promises it until 2027-06-01",
    ]);
  });
});
