import { describe, expect, it, vi } from "vitest";
import { Unavailable } from "../unavailable.ts";
import { leasedCache, turns } from "./conformance/leased-cache-fixture.ts";
import { revocationBoundMs } from "./follower.ts";

describe("a leased cache: hits", () => {
  it("returns a hit synchronously, with the same object each time", async () => {
    const { cache, source, warm } = leasedCache();
    source.write("a", "red");
    const loaded = await warm("a");
    expect(loaded).toEqual({ key: "a", owner: "red", version: 1 });
    expect(cache.find("a")).toBe(loaded);
    expect(cache.find("a")).toBe(loaded);
    expect(source.reads).toHaveLength(0);
  });

  it("does not cache absence: a key that appears is found without an event", async () => {
    const { cache, source, warm } = leasedCache();
    expect(await warm("a")).toBeNull();
    expect(cache.size).toBe(0);
    source.write("a", "red");
    expect(await warm("a")).toMatchObject({ version: 1 });
  });

  it("does not cache a failure, and throws it to every waiting caller", async () => {
    const { cache, source, warm } = leasedCache();
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

  it("has no more entries than its limit, and evicts the least recently used", async () => {
    const { cache, source, warm } = leasedCache({ entriesMax: 2 });
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

  it("has no more bytes than its limit, and returns a larger value without caching it", async () => {
    const { cache, source, warm } = leasedCache({ bytes: { max: 10, of: ({ key }) => key.length } });
    for (const key of ["aaaa", "bbbb", "cccc", "larger than all"]) source.write(key, "red");
    for (const key of ["aaaa", "bbbb", "cccc"]) await warm(key);
    expect(cache.size).toBe(2);
    expect(await warm("larger than all")).toMatchObject({ version: 1 });
    expect(cache.find("larger than all")).toBeInstanceOf(Promise);
    await source.endRead();
  });

  it("loads a cached value again after it has expired", async () => {
    let usable = true;
    const { cache, source, warm } = leasedCache({ isUsable: () => usable });
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
  it("serves concurrent calls for one key from one load", async () => {
    const { cache, source } = leasedCache();
    source.write("a", "red");
    const found = [cache.find("a"), cache.find("a"), cache.find("a")];
    await turns();
    expect(source.reads).toHaveLength(1);
    await source.endRead();
    const [first, ...others] = await Promise.all(found);
    expect(first).toMatchObject({ version: 1 });
    for (const other of others) expect(other).toBe(first);
  });

  it("loads different keys concurrently", async () => {
    const { cache, source } = leasedCache();
    const found = [cache.find("a"), cache.find("b")];
    await turns();
    expect(source.reads.map(({ key }) => key)).toEqual(["a", "b"]);
    await source.endRead();
    await source.endRead();
    expect(await Promise.all(found)).toEqual([null, null]);
  });

  it("does not let a call join a load from before an invalidation, because an absent value has no tags", async () => {
    const { cache, source, emit } = leasedCache();
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
    const { cache, source, warm, emit } = leasedCache();
    source.write("a", "red");
    source.write("b", "red");
    source.write("c", "blue");
    for (const key of ["a", "b", "c"]) await warm(key);
    emit("owner.revoked", { owner: "red" });
    expect(cache.size).toBe(1);
    expect(cache.find("c")).not.toBeInstanceOf(Promise);
  });

  it("removes a value by its key", async () => {
    const { cache, source, warm, emit } = leasedCache();
    source.write("a", "red");
    source.write("b", "red");
    await warm("a");
    await warm("b");
    emit("value.revoked", { key: "a" });
    expect(cache.size).toBe(1);
    expect(cache.find("b")).not.toBeInstanceOf(Promise);
  });

  it("still finds the values of a tag after one of them was replaced or evicted", async () => {
    const { cache, source, warm, emit } = leasedCache({ entriesMax: 2 });
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

  it("neither caches nor returns a value that was read before an invalidation of its tag, but reads again", async () => {
    const { cache, source, emit } = leasedCache();
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

  it("neither caches nor returns a value that was read before an invalidation of its key", async () => {
    const { cache, source, emit } = leasedCache();
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

  it("caches a value whose tag was invalidated before the load, or during another owner's load", async () => {
    const { cache, source, emit } = leasedCache();
    source.write("a", "red");
    emit("owner.revoked", { owner: "red" });
    const found = cache.find("a");
    await turns();
    emit("owner.revoked", { owner: "blue" });
    await source.endRead();
    expect(await found).toMatchObject({ version: 1 });
    expect(cache.find("a")).not.toBeInstanceOf(Promise);
  });

  it("applies an invalidation to an older load after a newer one has begun", async () => {
    const { cache, source, emit } = leasedCache();
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

  it("fails within the revocation bound if a value is invalidated during every load", async () => {
    const { cache, source, emit } = leasedCache();
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

  it("removes everything for an event without the field of its tag", async () => {
    const { cache, source, warm, emit } = leasedCache();
    source.write("a", "red");
    await warm("a");
    emit("owner.revoked", {});
    expect(cache.size).toBe(0);
  });

  it("removes nothing for an event that it does not declare", async () => {
    const { cache, source, warm, emit } = leasedCache();
    source.write("a", "red");
    await warm("a");
    emit("something.else", { owner: "red", key: "a" });
    expect(cache.size).toBe(1);
  });

  it("registers its revoking events at the follower with the fields that it needs, and no others", () => {
    expect(leasedCache().revoking).toEqual({ "owner.revoked": ["owner"], "value.revoked": ["key"] });
  });
});

describe("a leased cache: lease and restart", () => {
  it("returns no cached value without the lease: it waits, and then returns it", async () => {
    const { cache, log, source, warm, settle } = leasedCache();
    source.write("a", "red");
    const cached = await warm("a");
    log.fresh = false;
    const found = cache.find("a");
    expect(found).toBeInstanceOf(Promise);
    settle(true);
    expect(await found).toBe(cached);
    expect(source.reads).toHaveLength(0);
  });

  it("applies the events that came with the lease before it returns a value", async () => {
    const { cache, log, source, warm, emit, settle } = leasedCache();
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

  it("throws Unavailable if the lease does not come, and reads nothing", async () => {
    const { cache, log, source, warm, settle } = leasedCache();
    source.write("a", "red");
    await warm("a");
    log.fresh = false;
    const found = Promise.resolve(cache.find("a")).catch((error: unknown) => error);
    settle(false);
    expect(await found).toBeInstanceOf(Unavailable);
    expect(source.reads).toHaveLength(0);
  });

  it("fails a read when the lease ends", async () => {
    const { cache, log } = leasedCache();
    log.whileObserved = () => Promise.reject(new Unavailable("database", undefined));
    await expect(cache.find("a")).rejects.toMatchObject({ dependency: "database" });
    expect(cache.size).toBe(0);
  });

  it("removes everything at a restart of the log, and repeats reads in flight", async () => {
    const { cache, source, warm, restart } = leasedCache();
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

  it("repeats a read in flight at a restart, even if it finds nothing", async () => {
    const { cache, source, restart } = leasedCache();
    const found = cache.find("a");
    await turns();
    source.write("a", "red");
    restart();
    await source.endRead();
    await source.endRead();
    expect(await found).toMatchObject({ version: 1 });
  });
});
