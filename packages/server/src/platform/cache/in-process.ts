import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type Cache, type Cached, type Entry, type Mark, sameMark } from "./cache.ts";
import { sizeOf } from "./size-of.ts";

/** Bounds on memory, not on correctness: what falls out is read from the database again. */
const entriesMax = 50_000;
const bytesMax = 64 * 1_024 * 1_024;

/** A copy in this process, which helps where the writer is in it too; elsewhere it has no mark and stays empty. */
export function inProcessCache(): Cache {
  const entries = new LRUCache<string, Cached>({
    max: entriesMax,
    maxSize: bytesMax,
    sizeCalculation: (entry, key) => sizeOf(key) + sizeOf(entry.value),
  });
  let mark: Mark | null = null;
  const begun = (number: number): Mark => {
    entries.clear();
    return { generation: randomUUID(), number };
  };
  const store = (added: readonly Entry[]): void => {
    for (const { key, value, version, ttlSeconds } of added) {
      const kept = entries.get(key);
      if (kept === undefined || kept.version <= version) entries.set(key, { value, version }, { ttl: ttlSeconds * 1_000 });
    }
  };
  return {
    kind: "in process",
    shared: false,
    read: async (keys) => ({ mark, entries: keys.map((key) => entries.get(key) ?? null) }),
    async write(added, { after, to }) {
      const continued = mark?.number === after;
      mark = continued ? { ...(mark as Mark), number: to } : begun(to);
      store(added);
      return continued;
    },
    async fill(added, seen) {
      if (!sameMark(mark, seen)) return false;
      store(added);
      return true;
    },
    async begin(number, seen) {
      if (!sameMark(mark, seen)) return false;
      mark = begun(number);
      return true;
    },
    ping: async () => {},
    async close() {
      mark = null;
      entries.clear();
    },
  };
}
