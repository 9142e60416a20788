import { describe, expect, it } from "vitest";
import { announcedLate } from "./ends.ts";
import { newest } from "./snapshots.ts";

const going = (sunset: string) => ({ deprecated: true, "x-sunset": sunset });

describe("a sunset that a release announces first", () => {
  it("is at least half a year after the release, whatever the declaration's date", () => {
    expect(announcedLate({ a: {} }, { a: going("2027-05-30") }, "2026-12-01")).toEqual([]);
    expect(announcedLate({ a: {} }, { a: going("2027-05-29") }, "2026-12-01")).toEqual([
      "a: goes 179 days after the release that first says so; 180 is the least",
    ]);
    expect(announcedLate({}, { a: going("2026-01-01") }, "2026-12-01")).toHaveLength(1);
  });

  it("is not announced again by the next release, and an operation without one announces none", () => {
    expect(announcedLate({ a: going("2026-12-02") }, { a: going("2026-12-02"), b: {} }, "2026-12-01")).toEqual([]);
  });
});

it("the last release is the one of the highest version", () => {
  expect(newest(["events-0.9.0.json", "events-0.10.0.json", "events-0.2.12.json"])).toBe("events-0.10.0.json");
  expect(newest([])).toBeUndefined();
});
