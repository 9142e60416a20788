import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../contract/eventually.ts";
import type { Cache } from "../cache.ts";

/** What every cache adapter promises. */
export function cacheContract(name: string, make: () => Promise<Cache>): void {
  describe(`cache: ${name}`, () => {
    let cache: Cache;
    let key: (name: string) => string;
    beforeAll(async () => {
      cache = await make();
    });
    beforeEach(() => {
      const own = randomBytes(6).toString("hex");
      key = (part) => `contract:${own}:${part}`;
    });
    afterAll(() => cache?.close());

    const kept = { version: 1n, ttlSeconds: 60 };

    it("has nothing for a key that was never put", async () => {
      expect(await cache.get(key("never"))).toBeNull();
    });

    it("gives back what was put, with its version, byte for byte", async () => {
      const values = ["", "text", "“ünïcode” \u{1F511}", "line\nline\u0000end", JSON.stringify({ a: [1, null] }), "x".repeat(100_000)];
      for (const [index, value] of values.entries()) {
        await cache.put(key(String(index)), value, { version: BigInt(index), ttlSeconds: 60 });
        expect(await cache.get(key(String(index)))).toEqual({ value, version: BigInt(index) });
      }
    });

    it("keeps versions that are larger than a number can be", async () => {
      const version = 18_446_744_073_709_551_615n;
      await cache.put(key("a"), "newest", { version, ttlSeconds: 60 });
      await cache.put(key("a"), "one before", { version: version - 1n, ttlSeconds: 60 });
      expect(await cache.get(key("a"))).toEqual({ value: "newest", version });
    });

    it("does not let an older version replace a newer one: a slow reader cannot bring back what a writer has replaced", async () => {
      await cache.put(key("a"), "new", { version: 10n, ttlSeconds: 60 });
      await cache.put(key("a"), "old", { version: 9n, ttlSeconds: 60 });
      expect(await cache.get(key("a"))).toEqual({ value: "new", version: 10n });
    });

    it("lets a newer version, and the same one again, replace what is kept", async () => {
      await cache.put(key("a"), "first", { version: 9n, ttlSeconds: 60 });
      await cache.put(key("a"), "second", { version: 10n, ttlSeconds: 60 });
      expect(await cache.get(key("a"))).toEqual({ value: "second", version: 10n });
      await cache.put(key("a"), "again", { version: 10n, ttlSeconds: 60 });
      expect(await cache.get(key("a"))).toEqual({ value: "again", version: 10n });
    });

    it("keeps the newest of many puts at once, whatever their order", async () => {
      const versions = Array.from({ length: 50 }, (_, index) => BigInt((index * 37) % 50));
      await Promise.all(versions.map((version) => cache.put(key("a"), `of ${version}`, { version, ttlSeconds: 60 })));
      expect(await cache.get(key("a"))).toEqual({ value: "of 49", version: 49n });
    });

    it("gives many values in the order of their keys, with nothing in the place of what is not there", async () => {
      await cache.put(key("a"), "of a", kept);
      await cache.put(key("c"), "of c", kept);
      const found = await cache.getMany([key("c"), key("b"), key("a"), key("c")]);
      expect(found.map((each) => each?.value ?? null)).toEqual(["of c", null, "of a", "of c"]);
      expect(await cache.getMany([])).toEqual([]);
    });

    it("keeps the keys of two tenants apart, also where one's name continues the other's", async () => {
      await cache.put(key("red"), "of red", kept);
      await cache.put(key("red:x"), "of red x", kept);
      expect((await cache.get(key("red")))?.value).toBe("of red");
      expect(await cache.get(key("re"))).toBeNull();
      expect(await cache.get(key("RED"))).toBeNull();
      await cache.delete([key("red")]);
      expect((await cache.get(key("red:x")))?.value).toBe("of red x");
    });

    it("forgets what is deleted, and takes any version of it afterwards", async () => {
      await cache.put(key("a"), "of a", { version: 10n, ttlSeconds: 60 });
      await cache.put(key("b"), "of b", kept);
      await cache.put(key("c"), "of c", kept);
      await cache.delete([key("a"), key("b"), key("never")]);
      await cache.delete([]);
      expect((await cache.getMany([key("a"), key("b"), key("c")])).map((each) => each?.value ?? null)).toEqual([null, null, "of c"]);
      await cache.put(key("a"), "anew", { version: 1n, ttlSeconds: 60 });
      expect(await cache.get(key("a"))).toEqual({ value: "anew", version: 1n });
    });

    it("forgets what is past its time, and then takes an older version", async () => {
      await cache.put(key("a"), "short", { version: 10n, ttlSeconds: 1 });
      expect((await cache.get(key("a")))?.value).toBe("short");
      await eventually(() => cache.get(key("a"))).toBeNull();
      await cache.put(key("a"), "older", { version: 1n, ttlSeconds: 60 });
      expect((await cache.get(key("a")))?.value).toBe("older");
    });

    it("counts the time from the last put", async () => {
      await cache.put(key("a"), "short", { version: 1n, ttlSeconds: 1 });
      await cache.put(key("b"), "short", { version: 1n, ttlSeconds: 1 });
      await cache.put(key("a"), "long", { version: 2n, ttlSeconds: 60 });
      await eventually(() => cache.get(key("b"))).toBeNull();
      expect((await cache.get(key("a")))?.value).toBe("long");
    });

    it.each([0, -1])("does not keep what has %i seconds left, nor what was kept before it", async (ttlSeconds) => {
      await cache.put(key("a"), "of before", { version: 1n, ttlSeconds: 60 });
      await cache.put(key("a"), "ends now", { version: 2n, ttlSeconds });
      expect(await cache.get(key("a"))).toBeNull();
    });

    it("answers a ping", async () => {
      await expect(cache.ping()).resolves.toBeUndefined();
    });
  });
}
