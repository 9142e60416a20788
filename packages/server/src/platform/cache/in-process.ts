import { LRUCache } from "lru-cache";
import type { Cache, Cached } from "./cache.ts";

/** A bound on memory, not on correctness: what falls out is read from the database again. */
const entriesMax = 50_000;

export function inProcessCache(): Cache {
  const entries = new LRUCache<string, Cached>({ max: entriesMax });
  return {
    get: async (key) => entries.get(key) ?? null,
    getMany: async (keys) => keys.map((key) => entries.get(key) ?? null),
    async put(key, value, { version, ttlSeconds }) {
      const kept = entries.get(key);
      if (kept && kept.version > version) return;
      // To the library no time at all means for ever.
      if (ttlSeconds <= 0) entries.delete(key);
      else entries.set(key, { value, version }, { ttl: ttlSeconds * 1_000 });
    },
    async delete(keys) {
      for (const key of keys) entries.delete(key);
    },
    ping: async () => {},
    async close() {
      entries.clear();
    },
  };
}
