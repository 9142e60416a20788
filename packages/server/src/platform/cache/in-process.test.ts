import { expect, it } from "vitest";
import { cacheConformance } from "./conformance/cache-conformance.ts";
import { inProcessCache } from "./in-process.ts";

cacheConformance("in process", async () => inProcessCache());

const entry = (key: string) => ({ key, value: `of ${key}`, version: 1n, ttlSeconds: 60 });

it("the cache in process has nothing left after it was closed", async () => {
  const cache = inProcessCache();
  await cache.write([entry("a")], { after: 0, to: 1 });
  await cache.close();
  expect(await cache.read(["a"])).toEqual({ mark: null, entries: [null] });
});

it("the cache in process bounds its memory: what falls out is simply not there", async () => {
  const cache = inProcessCache();
  await cache.write(
    Array.from({ length: 50_001 }, (_, index) => entry(String(index))),
    { after: 0, to: 1 },
  );
  const { entries } = await cache.read(["0", "50000"]);
  expect(entries).toEqual([null, { value: "of 50000", version: 1n }]);
});
