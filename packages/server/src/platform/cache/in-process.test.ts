import { expect, it } from "vitest";
import { cacheContract } from "./contract/cache-contract.ts";
import { inProcessCache } from "./in-process.ts";

cacheContract("in process", async () => inProcessCache());

it("the cache in process has nothing left after it was closed", async () => {
  const cache = inProcessCache();
  await cache.put("a", "of a", { version: 1n, ttlSeconds: 60 });
  await cache.close();
  expect(await cache.get("a")).toBeNull();
});

it("the cache in process bounds its memory: what falls out is simply not there", async () => {
  const cache = inProcessCache();
  for (let index = 0; index <= 50_000; index += 1) await cache.put(String(index), "x", { version: 1n, ttlSeconds: 60 });
  expect(await cache.get("0")).toBeNull();
  expect((await cache.get("50000"))?.value).toBe("x");
});
