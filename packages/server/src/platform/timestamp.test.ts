import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTimeBound, readTimestamp } from "./timestamp.ts";

describe("a time range bound", () => {
  it.each([
    ["2026-11-27", "2026-11-27T00:00:00.000Z", "2026-11-28T00:00:00.000Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
    ["9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z"],
    ["2026-11-27T10:00:00+07:00", "2026-11-27T03:00:00.000Z", "2026-11-27T03:00:00.000Z"],
  ])("%s begins at %s and ends before %s", (text, start, end) => {
    expect([readTimeBound(text, "start"), readTimeBound(text, "end")]).toEqual([start, end]);
  });

  it.each(["2026-02-29", "2026-13-01", "2026-11-31", "0000-01-01", "2026-11", "20261127", "27.11.2026", "2026-11-27Z", "2026-11-27T", ""])(
    "%j is rejected",
    (text) => expect([readTimeBound(text, "start"), readTimeBound(text, "end")]).toEqual([undefined, undefined]),
  );
});

describe("a timestamp", () => {
  it.each([
    ["2026-11-27T10:00:00Z", "2026-11-27T10:00:00.000Z"],
    ["2026-11-27t10:00:00z", "2026-11-27T10:00:00.000Z"],
    ["2026-11-27T10:00:00.123456789+07:00", "2026-11-27T03:00:00.123Z"],
    ["2026-11-27T10:00:00-00:00", "2026-11-27T10:00:00.000Z"],
    ["2026-11-27T10:00:00Z[Asia/Ho_Chi_Minh]", "2026-11-27T10:00:00.000Z"],
    ["2026-11-27T10:00:00+07:00[Asia/Ho_Chi_Minh][u-ca=gregory]", "2026-11-27T03:00:00.000Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
    ["2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"],
    ["2017-01-01T06:59:60+07:00", "2017-01-01T00:00:00.000Z"],
    ["1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ])("%s is read as %s", (text, expected) => {
    expect(readTimestamp(text)).toBe(expected);
  });

  it.each([
    ["a year 0", "0000-01-01T00:00:00Z"],
    ["a year 0 by its offset", "0001-01-01T00:00:00+00:01"],
    ["a year with a leading zero", "0999-12-31T23:59:59Z"],
    ["a year with a leading zero by its offset", "1000-01-01T00:00:00+00:01"],
    ["a year 10000 by its offset", "9999-12-31T23:59:59-12:00"],
    ["a year with a sign", "+012026-01-01T00:00:00Z"],
    ["a leap second within a month", "2026-11-27T23:59:60Z"],
    ["a leap second within a day of UTC", "2016-12-31T23:59:60+07:00"],
    ["a leap second after which there is no year", "9999-12-31T23:59:60Z"],
    ["a 30 February", "2026-02-30T00:00:00Z"],
    ["an hour 24", "2026-11-27T24:00:00Z"],
    ["no offset", "2026-11-27T10:00:00"],
    ["no time of day", "2026-11-27"],
    ["a critical suffix", "2026-11-27T10:00:00Z[!Asia/Ho_Chi_Minh]"],
    ["text after a suffix", "2026-11-27T10:00:00Z[UTC]x"],
    ["no digits but infinity", "infinity"],
    ["a long fraction", `2026-11-27T10:00:00.${"1".repeat(200)}Z`],
    ["no characters", ""],
  ])("is rejected if it has %s", (_what, text) => {
    expect(readTimestamp(text)).toBeUndefined();
  });

  it("is read by JavaScript and by itself as the same instant", () => {
    const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`));
    const offset = fc.oneof(fc.constant("Z"), fc.stringMatching(/^[+-][0-2]\d:[0-5]\d$/));
    const text = fc
      .tuple(
        digits(4),
        fc.stringMatching(/^[01]\d$/),
        fc.stringMatching(/^[0-3]\d$/),
        fc.stringMatching(/^[0-2]\d:[0-5]\d:[0-6]\d$/),
        offset,
      )
      .map(([year, month, day, clock, zone]) => `${year}-${month}-${day}T${clock}${zone}`);
    fc.assert(
      fc.property(text, (given) => {
        const read = readTimestamp(given);
        if (read === undefined) return;
        expect(new Date(read).toISOString()).toBe(read);
        expect(readTimestamp(read)).toBe(read);
      }),
      { numRuns: 2_000 },
    );
  });
});
