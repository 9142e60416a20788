import { expect, it } from "vitest";
import { inProcessSnapshotCache } from "#platform/snapshot-cache/in-process.ts";
import { sizeOf } from "#platform/snapshot-cache/size-of.ts";
import { EntryMap } from "./entry-map.ts";

const mebibyte = 1_024 * 1_024;
const large = (n: number) => ({ attributes: Array.from({ length: 1_000 }, (_none, index) => `${n} ${index} ${"x".repeat(100)}`) });

it("cached entries are limited by bytes, and an evicted one is stale", async () => {
  const entries = new EntryMap(async (keys) => keys.map((key) => ({ value: large(Number(key)), version: "1" })), 4 * mebibyte);
  const [first] = await entries.load(["0"]);
  for (let n = 1; n < 200; n += 1) await entries.load([String(n)]);
  const cached = entries.keys();
  expect(cached.length).toBeGreaterThan(5);
  expect(cached.reduce((sum, key) => sum + sizeOf(entries.peek(key)?.value), 0)).toBeLessThan(4 * mebibyte);
  expect(cached).toContain("199");
  expect(first?.stale).toBe(true);
});

it("the in-process snapshot cache is limited by bytes", async () => {
  const cache = inProcessSnapshotCache();
  await cache.begin(0, null);
  const { watermark } = await cache.read([]);
  const keys = Array.from({ length: 300 }, (_none, n) => `k${n}`);
  for (const key of keys)
    await cache.fill([{ key, value: "x".repeat(mebibyte / 4), version: 1, ttlSeconds: 60 }] as never, watermark as never);
  const { entries } = await cache.read(keys);
  const found = entries.filter((entry) => entry !== null);
  expect(found.length).toBeGreaterThan(50);
  expect(found.length).toBeLessThan(150);
});

it("every kind of JSON value has a size", () => {
  expect(sizeOf("x".repeat(1_000))).toBeGreaterThan(1_000);
  expect(sizeOf([1, [true, null, { a: "b" }]])).toBeGreaterThan(100);
});
