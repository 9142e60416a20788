import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Unavailable } from "../unavailable.ts";
import type { LoggedEvent } from "./event.ts";
import { revocationBoundMs } from "./follower.ts";
import { byField, type Lease, LeasedCache, type LeasedCacheOptions } from "./leased-cache.ts";

interface Value {
  readonly key: string;
  readonly owner: string;
  readonly version: number;
}

/** A follower whose lease and events the test controls. */
function controlledLog() {
  const listeners: ((event: LoggedEvent) => void)[] = [];
  const restartListeners: (() => void)[] = [];
  const waiting: ((fresh: boolean) => void)[] = [];
  const revoking: Record<string, readonly string[]> = {};
  const log: { -readonly [Member in keyof Lease]: Lease[Member] } = {
    fresh: true,
    heard: (): Promise<boolean> => (log.fresh ? Promise.resolve(true) : new Promise((resolve) => waiting.push(resolve))),
    whileHeard: <T>(read: () => Promise<T>): Promise<T> => read(),
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
      };
      for (const listener of listeners) listener(event);
    },
    restart: () => {
      for (const listener of restartListeners) listener();
    },
    /** Gives the lease back, or tells those who wait that it does not come. */
    settle(fresh: boolean): void {
      log.fresh = fresh;
      for (const proceed of waiting.splice(0)) proceed(fresh);
    },
  };
}

/** A source whose reads end when the test says so. What a read returns is what the source has when the read begins, or when it ends. */
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
    /** Ends the oldest read under way. */
    async endRead(): Promise<void> {
      await turns();
      const read = reads.shift();
      if (read === undefined) throw new Error("no read is under way");
      read.end();
      await turns();
    },
  };
}

/** Lets every promise that is ready proceed. */
const turns = () => new Promise<void>((resolve) => setImmediate(resolve));

function setUp(options: Partial<LeasedCacheOptions<string, Value>> = {}) {
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
  /** Loads a key, so that it is kept. */
  const warm = async (key: string): Promise<Value | null> => {
    const found = cache.find(key);
    await source.endRead();
    return found;
  };
  return { ...lease, source, cache, warm };
}

describe("a leased cache: hits", () => {
  it("answers a hit synchronously, with the same object each time", async () => {
    const { cache, source, warm } = setUp();
    source.write("a", "red");
    const loaded = await warm("a");
    expect(loaded).toEqual({ key: "a", owner: "red", version: 1 });
    expect(cache.find("a")).toBe(loaded);
    expect(cache.find("a")).toBe(loaded);
    expect(source.reads).toHaveLength(0);
  });

  it("does not keep absence: a key that appears is found without an event", async () => {
    const { cache, source, warm } = setUp();
    expect(await warm("a")).toBeNull();
    expect(cache.size).toBe(0);
    source.write("a", "red");
    expect(await warm("a")).toMatchObject({ version: 1 });
  });

  it("does not keep a failure, and throws it to everybody who waited", async () => {
    const { cache, source, warm } = setUp();
    source.write("a", "red");
    const found = [cache.find("a"), cache.find("a")];
    const settled = Promise.allSettled(found);
    await turns();
    source.reads.shift()?.fail(new Error("the database does not answer"));
    expect((await settled).map((one) => one.status === "rejected" && (one.reason as Error).message)).toEqual([
      "the database does not answer",
      "the database does not answer",
    ]);
    expect(await warm("a")).toMatchObject({ version: 1 });
  });

  it("keeps no more entries than its bound, and evicts the least recently used", async () => {
    const { cache, source, warm } = setUp({ entriesMax: 2 });
    for (const key of ["a", "b", "c"]) source.write(key, "red");
    await warm("a");
    await warm("b");
    expect(cache.find("a")).not.toBeInstanceOf(Promise);
    await warm("c");
    expect(cache.size).toBe(2);
    expect(cache.find("a")).not.toBeInstanceOf(Promise);
    expect(cache.find("b")).toBeInstanceOf(Promise);
    await source.endRead();
  });

  it("keeps no more bytes than its bound, and returns what is larger without keeping it", async () => {
    const { cache, source, warm } = setUp({ bytes: { max: 10, of: ({ key }) => key.length } });
    for (const key of ["aaaa", "bbbb", "cccc", "larger than all"]) source.write(key, "red");
    for (const key of ["aaaa", "bbbb", "cccc"]) await warm(key);
    expect(cache.size).toBe(2);
    expect(await warm("larger than all")).toMatchObject({ version: 1 });
    expect(cache.find("larger than all")).toBeInstanceOf(Promise);
    await source.endRead();
  });

  it("loads a kept value again that time has ended", async () => {
    let usable = true;
    const { cache, source, warm } = setUp({ isUsable: () => usable });
    source.write("a", "red");
    await warm("a");
    source.write("a", "red");
    usable = false;
    expect(await warm("a")).toMatchObject({ version: 2 });
    usable = true;
    expect(cache.find("a")).toMatchObject({ version: 2 });
  });
});

describe("a leased cache: single flight", () => {
  it("answers concurrent calls for one key from one load", async () => {
    const { cache, source } = setUp();
    source.write("a", "red");
    const found = [cache.find("a"), cache.find("a"), cache.find("a")];
    await turns();
    expect(source.reads).toHaveLength(1);
    await source.endRead();
    const [first, ...others] = await Promise.all(found);
    expect(first).toMatchObject({ version: 1 });
    for (const other of others) expect(other).toBe(first);
  });

  it("loads different keys beside each other", async () => {
    const { cache, source } = setUp();
    const found = [cache.find("a"), cache.find("b")];
    await turns();
    expect(source.reads.map(({ key }) => key)).toEqual(["a", "b"]);
    await source.endRead();
    await source.endRead();
    expect(await Promise.all(found)).toEqual([null, null]);
  });

  it("does not let a call join a load that began before an invalidation: an absent value has no tags to tell by", async () => {
    const { cache, source, emit } = setUp();
    const early = cache.find("a");
    await turns();
    source.write("a", "red");
    emit("owner.renamed", { owner: "red" });
    const late = cache.find("a");
    await turns();
    expect(source.reads).toHaveLength(2);
    await source.endRead();
    await source.endRead();
    expect(await early).toBeNull();
    expect(await late).toMatchObject({ version: 1 });
  });
});

describe("a leased cache: invalidation", () => {
  it("removes every value of a tag, and no other", async () => {
    const { cache, source, warm, emit } = setUp();
    source.write("a", "red");
    source.write("b", "red");
    source.write("c", "blue");
    for (const key of ["a", "b", "c"]) await warm(key);
    emit("owner.revoked", { owner: "red" });
    expect(cache.size).toBe(1);
    expect(cache.find("c")).not.toBeInstanceOf(Promise);
  });

  it("removes a value by its key", async () => {
    const { cache, source, warm, emit } = setUp();
    source.write("a", "red");
    source.write("b", "red");
    await warm("a");
    await warm("b");
    emit("value.revoked", { key: "a" });
    expect(cache.size).toBe(1);
    expect(cache.find("b")).not.toBeInstanceOf(Promise);
  });

  it("still finds the values of a tag after one of them was replaced or evicted", async () => {
    const { cache, source, warm, emit } = setUp({ entriesMax: 2 });
    for (const key of ["a", "b", "c"]) source.write(key, "red");
    for (const key of ["a", "b", "c"]) await warm(key);
    emit("value.revoked", { key: "b" });
    source.write("b", "blue");
    await warm("b");
    emit("owner.revoked", { owner: "red" });
    expect(cache.size).toBe(1);
    emit("owner.revoked", { owner: "blue" });
    expect(cache.size).toBe(0);
  });

  it("neither keeps nor answers a value that was read before an invalidation of its tag: it reads again", async () => {
    const { cache, source, emit } = setUp();
    source.write("a", "red");
    const found = cache.find("a");
    await turns();
    source.write("a", "red");
    emit("owner.revoked", { owner: "red" });
    await source.endRead();
    expect(cache.size).toBe(0);
    await source.endRead();
    expect(await found).toMatchObject({ version: 2 });
    expect(cache.find("a")).toMatchObject({ version: 2 });
  });

  it("neither keeps nor answers a value that was read before an invalidation of its key", async () => {
    const { cache, source, emit } = setUp();
    source.write("a", "red");
    const found = cache.find("a");
    await turns();
    source.rows.delete("a");
    emit("value.revoked", { key: "a" });
    await source.endRead();
    await source.endRead();
    expect(await found).toBeNull();
    expect(cache.size).toBe(0);
  });

  it("keeps a value whose tag was invalidated before the load, or while another owner's was", async () => {
    const { cache, source, emit } = setUp();
    source.write("a", "red");
    emit("owner.revoked", { owner: "red" });
    const found = cache.find("a");
    await turns();
    emit("owner.revoked", { owner: "blue" });
    await source.endRead();
    expect(await found).toMatchObject({ version: 1 });
    expect(cache.find("a")).not.toBeInstanceOf(Promise);
  });

  it("remembers for an older load what was invalidated after a newer one had begun", async () => {
    const { cache, source, emit } = setUp();
    source.write("a", "red");
    const older = cache.find("a");
    await turns();
    emit("owner.renamed", { owner: "blue" });
    const newer = cache.find("a");
    await turns();
    source.write("a", "red");
    emit("owner.revoked", { owner: "red" });
    await source.endRead();
    await source.endRead();
    expect(cache.size).toBe(0);
    await source.endRead();
    expect([await older, await newer]).toMatchObject([{ version: 2 }, { version: 2 }]);
  });

  it("gives up when a value is invalidated during every load, within the revocation bound", async () => {
    const { cache, source, emit } = setUp();
    source.write("a", "red");
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const outcome = Promise.resolve(cache.find("a")).catch((error: unknown) => error);
      for (let waitedMs = 0; waitedMs < revocationBoundMs; waitedMs += 100) {
        await turns();
        emit("owner.renamed", { owner: "red" });
        vi.advanceTimersByTime(100);
        await source.endRead();
      }
      expect(await outcome).toBeInstanceOf(Unavailable);
      expect(await outcome).toMatchObject({ dependency: "values" });
    } finally {
      vi.useRealTimers();
    }
  });

  it("removes everything for an event that lacks the field by which its values are found", async () => {
    const { cache, source, warm, emit } = setUp();
    source.write("a", "red");
    await warm("a");
    emit("owner.revoked", {});
    expect(cache.size).toBe(0);
  });

  it("leaves everything for an event that it does not declare", async () => {
    const { cache, source, warm, emit } = setUp();
    source.write("a", "red");
    await warm("a");
    emit("something.else", { owner: "red", key: "a" });
    expect(cache.size).toBe(1);
  });

  it("tells the follower which events revoke, with the fields that it needs, and not which only change", () => {
    expect(setUp().revoking).toEqual({ "owner.revoked": ["owner"], "value.revoked": ["key"] });
  });
});

describe("a leased cache: lease and restart", () => {
  it("answers nothing kept without the lease: it waits, and then answers what it kept", async () => {
    const { cache, log, source, warm, settle } = setUp();
    source.write("a", "red");
    const kept = await warm("a");
    log.fresh = false;
    const found = cache.find("a");
    expect(found).toBeInstanceOf(Promise);
    settle(true);
    expect(await found).toBe(kept);
    expect(source.reads).toHaveLength(0);
  });

  it("answers what the events that came with the lease have left", async () => {
    const { cache, log, source, warm, emit, settle } = setUp();
    source.write("a", "red");
    await warm("a");
    log.fresh = false;
    const found = cache.find("a");
    source.rows.delete("a");
    emit("owner.revoked", { owner: "red" });
    settle(true);
    await source.endRead();
    expect(await found).toBeNull();
  });

  it("throws Unavailable where the lease does not come, and reads nothing", async () => {
    const { cache, log, source, warm, settle } = setUp();
    source.write("a", "red");
    await warm("a");
    log.fresh = false;
    const found = Promise.resolve(cache.find("a")).catch((error: unknown) => error);
    settle(false);
    expect(await found).toBeInstanceOf(Unavailable);
    expect(source.reads).toHaveLength(0);
  });

  it("reads under the lease: what ends the lease ends the read", async () => {
    const { cache, log } = setUp();
    log.whileHeard = () => Promise.reject(new Unavailable("database", undefined));
    await expect(cache.find("a")).rejects.toMatchObject({ dependency: "database" });
    expect(cache.size).toBe(0);
  });

  it("removes everything at a restart of the log, and reads again what was being read", async () => {
    const { cache, source, warm, restart } = setUp();
    source.write("a", "red");
    source.write("b", "red");
    await warm("a");
    const found = cache.find("b");
    await turns();
    source.write("b", "red");
    restart();
    expect(cache.size).toBe(0);
    await source.endRead();
    expect(cache.size).toBe(0);
    await source.endRead();
    expect(await found).toMatchObject({ version: 2 });
  });

  it("reads absence again that was being read at a restart", async () => {
    const { cache, source, restart } = setUp();
    const found = cache.find("a");
    await turns();
    source.write("a", "red");
    restart();
    await source.endRead();
    await source.endRead();
    expect(await found).toMatchObject({ version: 1 });
  });
});

describe("a leased cache against an oracle", () => {
  /**
   * Random writes, invalidations that are observed later, lookups and ends of reads, in every order. The oracle: whatever is answered is at
   * least as new as every write whose event was observed before the answer was asked for; what is kept at the end is what the source has.
   */
  const key = fc.constantFrom("a", "b", "c");
  const owner = fc.constantFrom("red", "blue");
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ does: fc.constant("write" as const), key, owner }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("remove" as const), key }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant("observe" as const) }) },
    { weight: 4, arbitrary: fc.record({ does: fc.constant("find" as const), key }) },
    { weight: 4, arbitrary: fc.record({ does: fc.constant("endRead" as const), at: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("lose" as const) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant("regain" as const) }) },
  );

  it("never answers a value that is older than an event observed before the call", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (steps) => {
        const { cache, log, source, emit, settle } = setUp({ entriesMax: 2 });
        /** The version of each key that an observed event has told of, and what is still to be observed. */
        const observed = new Map<string, number>();
        const removals: { readonly key: string; readonly version: number }[] = [];
        const unobserved: { key: string; version: number; tags: readonly string[] }[] = [];
        let version = 0;
        const change = (key: string, value: Value | undefined): void => {
          const before = source.rows.get(key);
          if (value === undefined) {
            source.rows.delete(key);
            removals.push({ key, version });
          } else source.rows.set(key, value);
          // A new row is nobody's yet, so its key has to do; a changed one is found by whom it belonged to.
          unobserved.push({ key, version, tags: [before?.owner ?? key] });
        };
        const observe = (): void => {
          const event = unobserved.shift();
          if (event === undefined) return;
          for (const tag of event.tags) emit("owner.revoked", { owner: tag });
          observed.set(event.key, event.version);
        };
        const answers: Promise<void>[] = [];
        const find = (asked: string): void => {
          const atLeast = observed.get(asked) ?? 0;
          const check = (found: Value | null): void => {
            if (found === null) {
              const isGone = removals.some((removal) => removal.key === asked && removal.version >= atLeast);
              expect(atLeast === 0 || isGone).toBe(true);
              return;
            }
            expect(found.key).toBe(asked);
            expect(found.version).toBeGreaterThanOrEqual(atLeast);
          };
          const found = cache.find(asked);
          if (found instanceof Promise) answers.push(found.then(check));
          else {
            expect(log.fresh).toBe(true);
            check(found);
          }
        };
        for (const step of steps) {
          version += 1;
          if (step.does === "write") change(step.key, { key: step.key, owner: step.owner, version });
          else if (step.does === "remove" && source.rows.has(step.key)) {
            change(step.key, undefined);
          } else if (step.does === "observe") observe();
          else if (step.does === "find") find(step.key);
          else if (step.does === "endRead") source.reads.splice(step.at % Math.max(1, source.reads.length), 1)[0]?.end();
          else if (step.does === "lose") log.fresh = false;
          else if (step.does === "regain") {
            // The follower hands everything over before it calls itself fresh.
            while (unobserved.length > 0) observe();
            settle(true);
          }
          await turns();
        }
        while (unobserved.length > 0) observe();
        settle(true);
        await turns();
        while (source.reads.length > 0) await source.endRead();
        await Promise.all(answers);
        for (const asked of ["a", "b", "c"]) {
          const found = cache.find(asked);
          if (found instanceof Promise) await source.endRead();
          expect(await found).toEqual(source.rows.get(asked) ?? null);
        }
      }),
      { numRuns: 500 },
    );
  });
});
