import { expect, it } from "vitest";
import { compareCached } from "./compare-cached.ts";
import { EntryMap, type LoadedEntry } from "./entry-map.ts";

/** More than one page of keys. */
const keys = Array.from({ length: 1_200 }, (_, index) => `role:${index}`);

async function cachedEntries(table: Map<string, LoadedEntry>): Promise<EntryMap> {
  const entries = new EntryMap(async (missing) => missing.map((key) => table.get(key) ?? null), 10_000_000);
  await entries.load(keys);
  return entries;
}
const tableOf = (): Map<string, LoadedEntry> => new Map(keys.map((key) => [key, { value: { of: key }, version: "1" }]));
const readFrom = (table: Map<string, LoadedEntry>) => async (page: readonly string[]) => page.map((key) => table.get(key) ?? null);
const nothingNew = async (): Promise<void> => {};

it("a comparison finds nothing if the cache equals the table", async () => {
  const table = tableOf();
  const entries = await cachedEntries(table);
  expect(await compareCached(entries, readFrom(table), nothingNew)).toEqual({ entries: 1_200, keys: [] });
  expect(entries.keys()).toHaveLength(1_200);
});

it("a comparison returns changed and missing entries of every page, and invalidates them", async () => {
  const table = tableOf();
  const entries = await cachedEntries(table);
  const changed = entries.peek("role:3");
  table.set("role:3", { value: { of: "another" }, version: "2" });
  table.delete("role:1100");
  const found = await compareCached(entries, readFrom(table), nothingNew);
  expect(found.keys.toSorted()).toEqual(["role:1100", "role:3"]);
  expect(changed?.stale, "a view with the entry sees that it is stale").toBe(true);
  expect(entries.missing(keys)).toEqual(["role:3", "role:1100"]);
});

it("a comparison does not return an entry that an event invalidated meanwhile", async () => {
  const table = tableOf();
  const entries = await cachedEntries(table);
  table.set("role:7", { value: { of: "another" }, version: "2" });
  const found = await compareCached(entries, readFrom(table), async () => entries.invalidate("role:7"));
  expect(found.keys).toEqual([]);
});

it("a comparison treats a cached null like a missing row", async () => {
  const table = tableOf();
  table.delete("role:9");
  const entries = await cachedEntries(table);
  expect((await compareCached(entries, readFrom(table), nothingNew)).keys).toEqual([]);
});
