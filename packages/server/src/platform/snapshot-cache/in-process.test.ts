import { expect, it } from "vitest";
import { snapshotCacheConformance } from "./conformance/snapshot-cache-conformance.ts";
import { inProcessSnapshotCache } from "./in-process.ts";

snapshotCacheConformance("in process", async () => inProcessSnapshotCache());

const entry = (key: string) => ({ key, value: `of ${key}`, version: 1n, ttlSeconds: 60 });

it("the in-process snapshot cache is empty after it was closed", async () => {
  const cache = inProcessSnapshotCache();
  await cache.write([entry("a")], { after: 0, to: 1 });
  await cache.close();
  expect(await cache.read(["a"])).toEqual({ watermark: null, entries: [null] });
});

it("the in-process snapshot cache limits its memory by eviction", async () => {
  const cache = inProcessSnapshotCache();
  await cache.write(
    Array.from({ length: 50_001 }, (_, index) => entry(String(index))),
    { after: 0, to: 1 },
  );
  const { entries } = await cache.read(["0", "50000"]);
  expect(entries).toEqual([null, { value: "of 50000", version: 1n }]);
});
