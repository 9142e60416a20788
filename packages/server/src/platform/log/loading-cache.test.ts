import { describe, expect, it } from "vitest";
import { LoadingCache, type LoadingCacheOptions } from "./loading-cache.ts";
import { TagIndex } from "./tag-index.ts";

interface Value {
  readonly key: string;
  stale: boolean;
}

/** A cache whose loads are ended by the test; `loads` are the keys of each load. */
function setUp(options: Partial<LoadingCacheOptions<string, Value>> = {}) {
  const loads: (readonly string[])[] = [];
  const ends: (() => void)[] = [];
  const cache = new LoadingCache<string, Value>({
    entriesMax: 3,
    load: (keys) => {
      loads.push(keys);
      return new Promise((resolve) => ends.push(() => resolve(keys.map((key) => (key === "absent" ? null : { key, stale: false })))));
    },
    onStale: (value) => {
      value.stale = true;
    },
    ...options,
  });
  const end = (): void => ends.shift()?.();
  return { cache, loads, end };
}

describe("a loading cache: many keys at once", () => {
  it("loads missing keys together, each once, and returns the values in the requested order", async () => {
    const { cache, loads, end } = setUp();
    const first = cache.loadAll(["a"]);
    end();
    await first;
    const found = cache.loadAll(["b", "a", "absent", "b"]);
    expect(loads).toEqual([["a"], ["b", "absent"]]);
    end();
    expect((await found).map((value) => value?.key)).toEqual(["b", "a", undefined, "b"]);
  });

  it("joins loads in flight, and loads the other keys", async () => {
    const { cache, loads, end } = setUp();
    const one = cache.loadAll(["a", "b"]);
    const other = cache.loadAll(["b", "c"]);
    expect(loads).toEqual([["a", "b"], ["c"]]);
    end();
    end();
    expect((await other)[0]).toBe((await one)[1]);
  });

  it("returns a raced value as stale, caches the rest of the batch, and loads the raced key again for the next caller", async () => {
    const { cache, loads, end } = setUp();
    const early = cache.loadAll(["a", "b"]);
    cache.invalidate("a");
    const late = cache.loadAll(["a"]);
    expect(loads).toEqual([["a", "b"], ["a"]]);
    end();
    end();
    expect((await early).map((value) => value?.stale)).toEqual([true, false]);
    expect((await late)[0]?.stale).toBe(false);
    expect(cache.get("a")).toBe((await late)[0]);
    expect(cache.get("b")).toBe((await early)[1]);
  });

  it("fails for every caller of a load that fails, and for no other", async () => {
    const { cache } = setUp({ load: (keys) => (keys.includes("a") ? Promise.reject(new Error("away")) : Promise.resolve([null])) });
    const found = await Promise.allSettled([cache.loadAll(["a", "b"]), cache.loadAll(["b"]), cache.loadAll(["c"])]);
    expect(found.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(cache.size).toBe(0);
  });
});

describe("a loading cache: staleness", () => {
  it("reports each cached value once when it is invalidated, evicted or cleared, and counts them", async () => {
    const { cache, end } = setUp({ entriesMax: 2 });
    const loaded = cache.loadAll(["a", "b", "c"]);
    end();
    const [a, b, c] = await loaded;
    expect([a?.stale, b?.stale, c?.stale]).toEqual([true, false, false]);
    expect(cache.staled).toBe(1);
    cache.invalidate("b");
    expect([b?.stale, cache.staled]).toEqual([true, 2]);
    cache.clear();
    expect([c?.stale, cache.staled, cache.size]).toEqual([true, 3, 0]);
  });

  it("reports a value that exceeds the size limit as stale at once, because it would miss invalidations", async () => {
    const { cache, end } = setUp({ bytes: { max: 5, of: ({ key }) => key.length } });
    const loaded = cache.loadAll(["larger"]);
    end();
    expect((await loaded)[0]?.stale).toBe(true);
    expect(cache.has("larger")).toBe(false);
  });
});

describe("a tag index", () => {
  it("finds every key of a tag, and retains nothing that was removed", () => {
    const index = new TagIndex<string>();
    index.add("red", "a");
    index.add("red", "a");
    index.add("red", "b");
    index.add("blue", "a");
    expect(index.keysOf("red").toSorted()).toEqual(["a", "b"]);
    index.delete("red", "a");
    expect(index.keysOf("red")).toEqual(["b"]);
    index.delete("red", "never there");
    index.delete("red", "b");
    index.delete("blue", "b");
    expect([index.keysOf("red"), index.keysOf("blue")]).toEqual([[], ["a"]]);
    index.delete("blue", "a");
    expect(index.size).toBe(0);
  });
});
