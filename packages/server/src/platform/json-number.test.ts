import { describe, expect, it } from "vitest";
import { parseJson } from "#operation/transport/json.ts";
import { readJson, UnacceptableJson } from "./json.ts";

const pathOf = (text: string): readonly string[] | undefined => {
  try {
    readJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof UnacceptableJson && error.rule === "number") return error.path;
    throw error;
  }
};

/** As a double, each would be another number, or none. */
const inexact = [
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "9007199254740993.0",
  "90071992547409930e-1",
  "9.007199254740993e15",
  "1e16",
  "1e400",
  "-1E+400",
  "1e-400",
  `0.${"0".repeat(400)}1`,
  "0.10000000000000001",
  "0.1000000000000000055511151231257827021181583404541015625",
  "1.00000000000000000001",
  "9007199254740990.5",
  "9".repeat(400),
];

/** Each is the same number as a double. */
const exact = [
  "0",
  "-0",
  "0.0",
  "0e5",
  "0.1",
  "0.30000000000000004",
  "9007199254740991",
  "-9007199254740991",
  "9007199254740991.000",
  "9007199254740991000e-3",
  "1e15",
  "1.50",
  "123456.78",
  "5e-324",
  "2.2250738585072014e-308",
  "1700000000000",
];

describe("a number in JSON from outside", () => {
  it.each(inexact)("is rejected with its path if a double cannot represent it: %s", (number) => {
    expect(pathOf(number)).toEqual([]);
    expect(pathOf(`{"a":{"b,c":[1,"x]",{"d":2},[${number}]]}}`)).toEqual(["a", "b,c", "3", "0"]);
    expect(pathOf(`{"x":{"y":[]},"\\u0061\\"":[{}, ${number} ]}`)).toEqual(['a"', "1"]);
  });

  it.each(exact)("is accepted if a double represents it: %s", (number) => {
    expect(readJson(`[${number}]`)).toEqual([Number(number)]);
  });

  it("is left unchanged inside a string", () => {
    expect(readJson('{"a":"9007199254740993","9007199254740993":"1e400"}')).toEqual({ a: "9007199254740993", "9007199254740993": "1e400" });
  });

  it("is read back unchanged up to 2^53 if JSON.stringify wrote it", () => {
    for (let round = 0; round < 2_000; round += 1) {
      const number = (Math.random() - 0.5) * 10 ** Math.floor(Math.random() * 40 - 25);
      if (Math.abs(number) <= Number.MAX_SAFE_INTEGER) expect(readJson(JSON.stringify(number))).toBe(number);
    }
  });

  it("is a validation issue of the request at its field if it is rejected", () => {
    expect(() => parseJson('{"contextData":{"amount":9007199254740993}}')).toThrow(
      expect.objectContaining({ details: [expect.objectContaining({ field: "contextData.amount", rule: "number" })] }),
    );
  });

  it("is a SyntaxError if it is malformed", () => {
    for (const text of ["[1-2]", "[9007199254740993", "[1e]", "[--1]", "[1.2.3e400]"]) expect(() => readJson(text)).toThrow(SyntaxError);
  });
});
