import type { LoggedEvent } from "../event.ts";
import { byField, type Lease, LeasedCache, type LeasedCacheOptions } from "../leased-cache.ts";

export interface Value {
  readonly key: string;
  readonly owner: string;
  readonly version: number;
}

/** A follower whose lease and events are controlled by the test. */
function controlledLog() {
  const listeners: ((event: LoggedEvent) => void)[] = [];
  const restartListeners: (() => void)[] = [];
  const waiting: ((fresh: boolean) => void)[] = [];
  const revoking: Record<string, readonly string[]> = {};
  const log: { -readonly [Member in keyof Lease]: Lease[Member] } = {
    fresh: true,
    observed: (): Promise<boolean> => (log.fresh ? Promise.resolve(true) : new Promise((resolve) => waiting.push(resolve))),
    whileObserved: <T>(read: () => Promise<T>): Promise<T> => read(),
    onEvent(listener: (event: LoggedEvent) => void, types: Readonly<Record<string, readonly string[]>> = {}): void {
      listeners.push(listener);
      Object.assign(revoking, types);
    },
    onRestart: (listener: () => void): void => void restartListeners.push(listener),
  };
  return {
    log,
    revoking,
    emit: (type: string, data: Record<string, unknown>) => {
      const event: LoggedEvent = {
        id: "id",
        type,
        subject: "subject",
        organizationId: null,
        data,
        position: { transaction: "1", sequence: "1" },
        occurredAt: new Date(0),
        traceparent: null,
        actor: null,
      };
      for (const listener of listeners) listener(event);
    },
    restart: () => {
      for (const listener of restartListeners) listener();
    },
    /** Grants the lease, or reports to waiting calls that it is not granted. */
    settle(fresh: boolean): void {
      log.fresh = fresh;
      for (const proceed of waiting.splice(0)) proceed(fresh);
    },
  };
}

/** A source whose reads are ended by the test. A read returns the source's state at its begin, or at its end. */
function controlledSource() {
  const rows = new Map<string, Value>();
  const reads: { readonly key: string; end(): void; fail(error: Error): void }[] = [];
  return {
    rows,
    reads,
    write(key: string, owner: string): void {
      rows.set(key, { key, owner, version: (rows.get(key)?.version ?? 0) + 1 });
    },
    load(key: string): Promise<Value | null> {
      const { promise, resolve, reject } = Promise.withResolvers<Value | null>();
      const found = rows.get(key) ?? null;
      reads.push({ key, end: () => resolve(found), fail: reject });
      return promise;
    },
    /** Ends the oldest pending read. */
    async endRead(): Promise<void> {
      await turns();
      const read = reads.shift();
      if (read === undefined) throw new Error("no read is under way");
      read.end();
      await turns();
    },
  };
}

/** Runs all pending promise reactions. */
export const turns = () => new Promise<void>((resolve) => setImmediate(resolve));

export function leasedCache(options: Partial<LeasedCacheOptions<string, Value>> = {}) {
  const lease = controlledLog();
  const source = controlledSource();
  const cache = new LeasedCache<string, Value>(lease.log, {
    name: "values",
    entriesMax: 100,
    load: (key) => source.load(key),
    tagsOf: ({ owner }) => [owner],
    revokedBy: { "owner.revoked": byField("owner"), "value.revoked": byField("key") },
    changedBy: { "owner.renamed": byField("owner") },
    ...options,
  });
  /** Loads a key, so that it is cached. */
  const warm = async (key: string): Promise<Value | null> => {
    const found = cache.find(key);
    await source.endRead();
    return found;
  };
  return { ...lease, source, cache, warm };
}
