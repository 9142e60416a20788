import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Entry, SnapshotCache, Watermark } from "../snapshot-cache.ts";

/** The contract of the snapshot cache port, for every adapter. `make` returns an empty one. */
export function snapshotCacheConformance(name: string, make: () => Promise<SnapshotCache>): void {
  describe(`snapshot cache: ${name}`, () => {
    let cache: SnapshotCache;
    let key: (name: string) => string;
    beforeEach(async () => {
      cache = await make();
      const own = randomBytes(6).toString("hex");
      key = (part) => `contract:${own}:${part}`;
    });
    afterEach(() => cache?.close());

    const entry = (part: string, value: string, version = 1n, ttlSeconds = 60): Entry => ({ key: key(part), value, version, ttlSeconds });
    const stored = async (part: string): Promise<string | null> => (await cache.read([key(part)])).entries[0]?.value ?? null;
    const watermarkNow = async (): Promise<Watermark> => (await cache.read([])).watermark as Watermark;

    it("has neither a watermark nor values before the first write, and accepts no fill", async () => {
      expect(await cache.read([key("a")])).toEqual({ watermark: null, entries: [null] });
      expect(await cache.fill([entry("a", "of a reader")], { generation: "made up", number: 0 })).toBe(false);
      expect(await cache.read([key("a")])).toEqual({ watermark: null, entries: [null] });
    });

    it("returns written values unchanged, with their versions and the watermark", async () => {
      const values = ["", "text", "“ünïcode” \u{1F511}", "line\nline\u0000end", JSON.stringify({ a: [1, null] }), "x".repeat(100_000)];
      const entries = values.map((value, index) => entry(String(index), value, BigInt(index)));
      await cache.write(entries, { after: 0, to: 7 });
      const reading = await cache.read(entries.map((each) => each.key));
      expect(reading.watermark?.number).toBe(7);
      expect(reading.entries).toEqual(entries.map(({ value, version }) => ({ value, version })));
    });

    it("stores and orders versions that exceed JavaScript's numbers", async () => {
      const version = 18_446_744_073_709_551_615n;
      await cache.write([entry("a", "newest", version), entry("b", "ten", 10n)], { after: 0, to: 1 });
      await cache.fill([entry("a", "one before", version - 1n), entry("b", "nine", 9n)], await watermarkNow());
      expect((await cache.read([key("a"), key("b")])).entries).toEqual([
        { value: "newest", version },
        { value: "ten", version: 10n },
      ]);
    });

    it("continues one generation while no write is missing", async () => {
      await cache.begin(4, null);
      const { generation } = await watermarkNow();
      expect(await cache.write([entry("a", "of a")], { after: 4, to: 5 })).toBe(true);
      expect(await cache.write([entry("b", "of b")], { after: 5, to: 6 })).toBe(true);
      expect(await watermarkNow()).toEqual({ generation, number: 6 });
      expect(await stored("a")).toBe("of a");
    });

    it("begins a new generation if a write is missing, because earlier values may be stale", async () => {
      await cache.write([entry("a", "of a"), entry("b", "of b")], { after: 0, to: 1 });
      const before = await watermarkNow();
      expect(await cache.write([entry("b", "of b, again")], { after: 2, to: 3 })).toBe(false);
      expect(await stored("a")).toBeNull();
      expect(await stored("b")).toBe("of b, again");
      expect(await watermarkNow()).toMatchObject({ number: 3, generation: expect.not.stringContaining(before.generation) });
    });

    it("begins a new generation if it is ahead of its writer, as after a restore of the database", async () => {
      await cache.write([entry("a", "of the lost future", 90n)], { after: 0, to: 9 });
      expect(await cache.write([entry("b", "of b", 50n)], { after: 4, to: 5 })).toBe(false);
      expect(await stored("a")).toBeNull();
      expect((await watermarkNow()).number).toBe(5);
    });

    it("lets a second writer take over, but not a late one", async () => {
      await cache.write([entry("a", "by the first", 1n)], { after: 0, to: 1 });
      expect(await cache.write([entry("a", "by the second", 2n)], { after: 1, to: 2 })).toBe(true);
      expect(await stored("a")).toBe("by the second");
      // The first writer's second write is late; its watermark is behind what readers have observed, so they do not trust it.
      await cache.write([entry("a", "by the first, late", 1n)], { after: 0, to: 1 });
      expect((await watermarkNow()).number).toBe(1);
    });

    it("accepts a fill while the watermark is unchanged", async () => {
      await cache.write([], { after: 0, to: 1 });
      expect(await cache.fill([entry("a", "of a")], await watermarkNow())).toBe(true);
      expect(await stored("a")).toBe("of a");
    });

    it("rejects a slow reader's fill of replaced, expired or absent values", async () => {
      await cache.write([entry("a", "old")], { after: 0, to: 1 });
      const seen = await watermarkNow();
      await cache.write([entry("a", "new", 2n)], { after: 1, to: 2 });
      expect(await cache.fill([entry("a", "old"), entry("b", "old")], seen)).toBe(false);
      expect(await stored("a")).toBe("new");
      expect(await stored("b")).toBeNull();
    });

    it("rejects a fill of another generation with the same number", async () => {
      await cache.begin(3, null);
      const seen = await watermarkNow();
      await cache.begin(3, seen);
      expect(await cache.fill([entry("a", "of before")], seen)).toBe(false);
      expect(await stored("a")).toBeNull();
    });

    it("does not replace a higher version by a lower one, except one of an obsolete generation", async () => {
      await cache.write([entry("a", "high", 9n)], { after: 0, to: 1 });
      await cache.fill([entry("a", "low", 8n)], await watermarkNow());
      expect(await stored("a")).toBe("high");
      await cache.begin(1, await watermarkNow());
      await cache.fill([entry("a", "low", 8n)], await watermarkNow());
      expect(await stored("a")).toBe("low");
    });

    it("begins a generation only if the watermark is unchanged", async () => {
      expect(await cache.begin(1, null)).toBe(true);
      expect(await cache.begin(1, null)).toBe(false);
      const seen = await watermarkNow();
      await cache.write([entry("a", "of a")], { after: 1, to: 2 });
      expect(await cache.begin(1, seen)).toBe(false);
      expect(await stored("a")).toBe("of a");
      expect(await cache.begin(2, await watermarkNow())).toBe(true);
      expect(await stored("a")).toBeNull();
      expect((await watermarkNow()).number).toBe(2);
    });

    it("returns values and watermark of one moment under concurrent writes", async () => {
      const parts = ["a", "b", "c"];
      await cache.write(
        parts.map((part) => entry(part, "0")),
        { after: 0, to: 1 },
      );
      const writing = (async () => {
        for (let number = 2; number < 100; number += 1) {
          await cache.write(
            parts.map((part) => entry(part, String(number), BigInt(number))),
            { after: number - 1, to: number },
          );
        }
      })();
      for (let round = 0; round < 100; round += 1) {
        const { watermark, entries } = await cache.read(parts.map(key));
        const number = watermark?.number === 1 ? "0" : String(watermark?.number);
        expect(entries.map((each) => each?.value)).toEqual([number, number, number]);
      }
      await writing;
    });

    it("returns many values in the order of their keys, with null for absent ones", async () => {
      await cache.write([entry("a", "of a"), entry("c", "of c")], { after: 0, to: 1 });
      const { entries } = await cache.read([key("c"), key("b"), key("a"), key("c")]);
      expect(entries.map((each) => each?.value ?? null)).toEqual(["of c", null, "of a", "of c"]);
    });

    it("separates the keys of two tenants, also if one name is a prefix of the other", async () => {
      await cache.write([entry("red", "of red"), entry("red:x", "of red x")], { after: 0, to: 1 });
      expect(await stored("red")).toBe("of red");
      expect(await stored("re")).toBeNull();
      expect(await stored("RED")).toBeNull();
    });

    it("expires values by itself, and then accepts an older version", async () => {
      await cache.write([entry("a", "short", 10n, 1), entry("b", "long", 10n)], { after: 0, to: 1 });
      expect(await stored("a")).toBe("short");
      await eventually(() => stored("a")).toBeNull();
      expect(await stored("b")).toBe("long");
      await cache.fill([entry("a", "older", 1n)], await watermarkNow());
      expect(await stored("a")).toBe("older");
    });

    it("counts the time to live from the last write", async () => {
      await cache.write([entry("a", "short", 1n, 1), entry("b", "short", 1n, 1)], { after: 0, to: 1 });
      await cache.write([entry("a", "long", 2n)], { after: 1, to: 2 });
      await eventually(() => stored("b")).toBeNull();
      expect(await stored("a")).toBe("long");
    });

    it("answers a ping", async () => {
      await expect(cache.ping()).resolves.toBeUndefined();
    });
  });
}
