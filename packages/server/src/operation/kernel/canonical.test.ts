import { describe, expect, it } from "vitest";
import { nullable, Timestamp, Type, Uuid } from "../declaration/schema.ts";
import { canonicalInput } from "./canonical.ts";

const id = "0198c0de-0000-7000-8000-00000000abcd";
const upper = id.toUpperCase();
const canonical = canonicalInput(
  Type.Object({
    id: Uuid,
    maybe: Type.Optional(nullable(Uuid)),
    list: Type.Optional(Type.Array(Uuid)),
    checks: Type.Optional(Type.Array(Type.Object({ userId: Uuid, name: Type.String() }))),
    name: Type.Optional(Type.String()),
    until: Type.Optional(nullable(Timestamp)),
  }),
);

describe("the ids of an input", () => {
  it("are converted to lower case wherever the schema has an id, and nothing else is changed", () => {
    expect(canonical({ id: upper, maybe: upper, list: [id, upper], checks: [{ userId: upper, name: upper }], name: upper })).toEqual({
      id,
      maybe: id,
      list: [id, id],
      checks: [{ userId: id, name: upper }],
      name: upper,
    });
    expect(canonical({ id, maybe: null })).toEqual({ id, maybe: null });
  });

  it("in lower case are not copied, and the caller's own object is never changed", () => {
    const canonicalAlready = { id, list: [id], checks: [{ userId: id, name: "x" }] };
    expect(canonical(canonicalAlready)).toBe(canonicalAlready);
    const given = { id: upper, list: [upper] };
    canonical(given);
    expect(given).toEqual({ id: upper, list: [upper] });
  });
});

describe("the times of an input", () => {
  it("are converted to UTC, and null stays null", () => {
    expect(canonical({ id, until: "2026-11-27T23:59:59+07:00[Asia/Ho_Chi_Minh]" })).toEqual({ id, until: "2026-11-27T16:59:59.000Z" });
    expect(canonical({ id, until: null })).toEqual({ id, until: null });
  });
});
