import { describe, expect, it } from "vitest";
import { jsonDepthMax, readJson, UnacceptableJson } from "./json.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const refused = (text: string): UnacceptableJson["rule"] | undefined => {
  try {
    readJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof UnacceptableJson) return error.rule;
    throw error;
  }
};

describe("JSON from outside", () => {
  it("is accepted up to the depth limit and rejected beyond it, without a stack overflow at any depth", () => {
    expect(readJson(nested(jsonDepthMax))).toBeDefined();
    for (const depth of [jsonDepthMax + 1, 4_000, 20_000, 1_000_000]) expect(refused(nested(depth))).toBe("depth");
    expect(refused('{"a":'.repeat(20_000))).toBe("depth");
    expect(refused(`{"a":"\\u0000","b":${nested(20_000)}}`)).toBe("depth");
  });

  it("does not count brackets in strings towards its depth", () => {
    const text = `"${"[{".repeat(100)}"`;
    expect(readJson(text)).toBe("[{".repeat(100));
    expect(readJson(`["\\"${"[".repeat(100)}\\\\"]`)).toEqual([`"${"[".repeat(100)}\\`]);
    expect(readJson(`[${"[],".repeat(500)}1]`)).toHaveLength(501);
  });

  it.each([
    ["a NUL", '{"a":["\\u0000"]}', "text"],
    ["half a surrogate pair", '"\\ud800"', "text"],
    ["a NUL in a name", '{"\\u0000":1}', "text"],
    ["a number beyond a double", '{"a":1e999}', "number"],
    ["a number of 400 digits", `[-${"9".repeat(400)}]`, "number"],
    ["a prototype", '{"__proto__":{}}', "prototype"],
    ["a constructor's prototype", '{"constructor":{"prototype":{}}}', "prototype"],
  ])("is rejected with %s", (_what, text, rule) => {
    expect(refused(text)).toBe(rule);
  });

  it("is a SyntaxError if it is malformed", () => {
    for (const text of ["", "{", "]]", "nope", '{"a":1}}']) expect(() => readJson(text)).toThrow(SyntaxError);
  });
});
