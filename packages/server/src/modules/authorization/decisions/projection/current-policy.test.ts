import { afterEach, describe, expect, it } from "vitest";
import { Unavailable } from "#platform/unavailable.ts";
import { CurrentPolicy, everyChange, modelChanges } from "./current-policy.ts";
import type { LoadedEntry } from "./entry-map.ts";

const entry = (...values: readonly string[]): LoadedEntry => ({
  version: "1",
  value: {
    model: {},
    permissions: values.map((value) => ({
      value,
      parent: value.includes(".") ? value.slice(0, value.lastIndexOf(".")) : null,
      scope: "Organization",
    })),
  },
});
const soon = () => performance.now() + 30;
const later = () => performance.now() + 10_000;

/** A source with the stored entry and the handled events. `blocked` delays its loads. */
class FakeSource {
  entry = entry("Doc", "Doc.Read", "Report");
  readonly handled = new Set<string>();
  loads = 0;
  failing = false;
  blocked: Promise<void> | undefined;

  async fetch(): Promise<LoadedEntry> {
    this.loads += 1;
    const found = this.entry;
    await this.blocked;
    if (this.failing) throw new Unavailable("database", undefined);
    return found;
  }

  isProjected(id: string): boolean {
    return this.handled.has(id);
  }
}

let policies: CurrentPolicy | undefined;
afterEach(() => policies?.stop());

async function current(source: FakeSource): Promise<CurrentPolicy> {
  policies = new CurrentPolicy(source);
  await policies.entry();
  return policies;
}

describe("the policy that a process decides with", () => {
  it("is concerned by a change of a permission for the permission and its descendants only", async () => {
    const policy = await current(new FakeSource());
    policy.changed("one", "Doc");
    expect(["Doc", "Doc.Read", "Report", "Unheard"].map((action) => policy.concerns(action))).toEqual([true, true, false, false]);
    policy.changed("two", "Unheard");
    expect(policy.concerns("Unheard")).toBe(true);
    policy.changed("three", null);
    expect(policy.concerns("Report")).toBe(true);
  });

  it("makes a query wait until it contains the observed changes that concern the query", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    policy.changed("one", "Doc");
    policy.changed("another", "Report");
    await expect(policy.settled(policy.about(["Doc.Read"]), soon())).rejects.toThrow(Unavailable);
    await policy.settled(modelChanges, soon());
    const waiting = policy.settled(policy.about(["Doc.Read"]), later());
    policy.changed("after the query", "Doc");
    source.entry = entry("Doc", "Report");
    source.handled.add("one");
    policy.announced();
    await waiting;
    expect((await policy.entry()).value?.permissions).toHaveLength(2);
    expect(policy.behind).toBe(2);
    expect(policy.concerns("Doc")).toBe(true);
  });

  it("does not contain a change if it was read before the change was projected", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    const { promise, resolve } = Promise.withResolvers<void>();
    source.blocked = promise;
    source.handled.add("early");
    policy.changed("early", "Report");
    policy.changed("late", "Doc");
    source.handled.add("late");
    policy.announced();
    const waiting = policy.settled(everyChange, later());
    source.blocked = undefined;
    resolve();
    await waiting;
    expect(source.loads).toBe(3);
    expect(policy.behind).toBe(0);
  });

  it("is loaded at once for an event that is observed after it was handled", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    source.handled.add("early");
    policy.changed("early", "Doc");
    await policy.settled(everyChange, later());
    expect(source.loads).toBe(2);
  });

  it("becomes stale by its replacement, not by the change", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    const before = await policy.entry();
    policy.changed("one", "Doc");
    expect(before.stale).toBe(false);
    source.handled.add("one");
    policy.announced();
    await policy.settled(everyChange, later());
    expect(before.stale).toBe(true);
    expect(await policy.entry()).not.toBe(before);
  });

  it("is loaded again after a failed load, and waiting calls get it", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    source.failing = true;
    source.handled.add("one");
    policy.changed("one", "Doc");
    const waiting = policy.settled(everyChange, later());
    await expect.poll(() => source.loads).toBeGreaterThan(1);
    source.failing = false;
    await waiting;
    expect(policy.behind).toBe(0);
  });

  it("is read again if it was invalidated during a read", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    const { promise, resolve } = Promise.withResolvers<void>();
    source.blocked = promise;
    policy.announced();
    policy.invalidate();
    source.entry = entry("Report");
    source.blocked = undefined;
    resolve();
    expect((await policy.entry()).value?.permissions).toHaveLength(1);
  });

  it("is loaded few times for many changes in a row if no call waits", async () => {
    const source = new FakeSource();
    const policy = await current(source);
    for (let index = 0; index < 100; index += 1) {
      source.handled.add(`${index}`);
      policy.changed(`${index}`, "Doc");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => policy.behind).toBe(0);
    expect(source.loads).toBeLessThan(50);
  });

  it("rejects while it cannot be read, and ends when it is stopped", async () => {
    const source = new FakeSource();
    source.failing = true;
    policies = new CurrentPolicy(source);
    await expect(policies.entry()).rejects.toThrow(Unavailable);
    await policies.stop();
    await expect(policies.entry()).rejects.toThrow(Unavailable);
  });
});
