import { expect, it } from "vitest";
import { compareCached } from "./compare-cached.ts";
import { EntryMap, type LoadedEntry } from "./entry-map.ts";

/** More than one page of keys. */
const keys = Array.from({ length: 1_200 }, (_, index) => `role:${index}`);

async function cachedParts(table: Map<string, LoadedEntry>): Promise<EntryMap> {
  const parts = new EntryMap(async (asked) => asked.map((key) => table.get(key) ?? null), 10_000_000);
  await parts.load(keys);
  return parts;
}
const tableOf = (): Map<string, LoadedEntry> => new Map(keys.map((key) => [key, { value: { of: key }, version: "1" }]));
const readFrom = (table: Map<string, LoadedEntry>) => async (asked: readonly string[]) => asked.map((key) => table.get(key) ?? null);
const nothingNew = async (): Promise<void> => {};

it("finds nothing where the cache is what the table holds", async () => {
  const table = tableOf();
  const parts = await cachedParts(table);
  expect(await compareCached(parts, readFrom(table), nothingNew)).toEqual({ entries: 1_200, keys: [] });
  expect(parts.keys()).toHaveLength(1_200);
});

it("names what differs or is gone, on every page, and removes it from the cache", async () => {
  const table = tableOf();
  const parts = await cachedParts(table);
  const held = parts.peek("role:3");
  table.set("role:3", { value: { of: "another" }, version: "2" });
  table.delete("role:1100");
  const found = await compareCached(parts, readFrom(table), nothingNew);
  expect(found.keys.toSorted()).toEqual(["role:1100", "role:3"]);
  expect(held?.stale, "a view that holds the entry is told").toBe(true);
  expect(parts.missing(keys)).toEqual(["role:3", "role:1100"]);
});

it("does not name what an event has removed meanwhile: it was right when it was read", async () => {
  const table = tableOf();
  const parts = await cachedParts(table);
  table.set("role:7", { value: { of: "another" }, version: "2" });
  const found = await compareCached(parts, readFrom(table), async () => parts.invalidate("role:7"));
  expect(found.keys).toEqual([]);
});

it("does not name a value of null under a key that the table does not have", async () => {
  const table = tableOf();
  table.delete("role:9");
  const parts = await cachedParts(table);
  expect((await compareCached(parts, readFrom(table), nothingNew)).keys).toEqual([]);
});
