import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import { sizeOf } from "./size-of.ts";
import { type Cached, type Entry, type SnapshotCache, sameWatermark, type Watermark } from "./snapshot-cache.ts";

/** Limits on memory only: evicted values are read from the database again. */
const entriesMax = 50_000;
const bytesMax = 64 * 1_024 * 1_024;

/** A snapshot in this process. It has values if the writer is in the same process; otherwise it has no watermark and stays empty. */
export function inProcessSnapshotCache(): SnapshotCache {
  const entries = new LRUCache<string, Cached>({
    max: entriesMax,
    maxSize: bytesMax,
    sizeCalculation: (entry, key) => sizeOf(key) + sizeOf(entry.value),
  });
  let watermark: Watermark | null = null;
  const begun = (number: number): Watermark => {
    entries.clear();
    return { generation: randomUUID(), number };
  };
  const store = (added: readonly Entry[]): void => {
    for (const { key, value, version, ttlSeconds } of added) {
      const current = entries.get(key);
      if (current === undefined || current.version <= version) entries.set(key, { value, version }, { ttl: ttlSeconds * 1_000 });
    }
  };
  return {
    kind: "in process",
    shared: false,
    read: async (keys) => ({ watermark, entries: keys.map((key) => entries.get(key) ?? null) }),
    async write(added, { after, to }) {
      const continued = watermark?.number === after;
      watermark = continued ? { ...(watermark as Watermark), number: to } : begun(to);
      store(added);
      return continued;
    },
    async fill(added, seen) {
      if (!sameWatermark(watermark, seen)) return false;
      store(added);
      return true;
    },
    async begin(number, seen) {
      if (!sameWatermark(watermark, seen)) return false;
      watermark = begun(number);
      return true;
    },
    ping: async () => {},
    async close() {
      watermark = null;
      entries.clear();
    },
  };
}
