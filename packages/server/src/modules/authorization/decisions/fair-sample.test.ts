import { expect, it } from "vitest";
import { FairSample } from "./fair-sample.ts";

const fill = (sample: FairSample<string>, group: string, count: number): void => {
  for (let n = 0; n < count; n += 1) if (sample.hasRoom(group)) sample.add(group, `${group}${n}`);
};
const countOf = (items: readonly string[], group: string): number => items.filter((item) => item.startsWith(group)).length;

it("a fair sample retains one tenant's items whatever another tenant adds, before or after", () => {
  const sample = new FairSample<string>(2_000);
  fill(sample, "loud", 100_000);
  fill(sample, "quiet", 30);
  fill(sample, "loud", 100_000);
  fill(sample, "late", 5);
  const items = sample.take();
  expect(items).toHaveLength(2_000);
  expect([countOf(items, "quiet"), countOf(items, "late")]).toEqual([30, 5]);
  expect(sample.take()).toEqual([]);
});

it("a fair sample gives busy tenants an equal share", () => {
  const sample = new FairSample<string>(2_000);
  for (const group of ["a", "b", "c", "d"]) fill(sample, group, 10_000);
  const items = sample.take();
  for (const group of ["a", "b", "c", "d"]) expect(countOf(items, group)).toBe(500);
});

it("a fair sample gives a single tenant all of it", () => {
  const sample = new FairSample<string>(100);
  fill(sample, "a", 1_000);
  expect(sample.take()).toHaveLength(100);
});
