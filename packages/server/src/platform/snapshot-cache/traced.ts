import type { Tracer } from "../telemetry/tracing.ts";
import type { SnapshotCache } from "./snapshot-cache.ts";

/** A cache whose calls are spans of their trace. */
export function tracedSnapshotCache(cache: SnapshotCache, tracer: Tracer): SnapshotCache {
  if (!tracer.on) return cache;
  const traced = <T>(operation: string, keys: number, work: () => Promise<T>): Promise<T> =>
    tracer.current === undefined
      ? work()
      : tracer.span(`cache ${operation}`, { kind: "client", attributes: { "db.operation.name": operation, "gatehouse.keys": keys } }, work);
  return {
    kind: cache.kind,
    shared: cache.shared,
    read: (keys) => traced("read", keys.length, () => cache.read(keys)),
    write: (entries, step) => traced("write", entries.length, () => cache.write(entries, step)),
    fill: (entries, seen) => traced("fill", entries.length, () => cache.fill(entries, seen)),
    begin: (number, seen) => cache.begin(number, seen),
    ping: () => cache.ping(),
    close: () => cache.close(),
  };
}
