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

/** What the projector has handled, and the entry as it is kept; loads are let through one by one where `held` is set. */
class Kept {
  entry = entry("Doc", "Doc.Read", "Report");
  readonly handled = new Set<string>();
  loads = 0;
  failing = false;
  held: Promise<void> | undefined;

  async fetch(): Promise<LoadedEntry> {
    this.loads += 1;
    const found = this.entry;
    await this.held;
    if (this.failing) throw new Unavailable("database", undefined);
    return found;
  }

  isProjected(id: string): boolean {
    return this.handled.has(id);
  }
}

let policies: CurrentPolicy | undefined;
afterEach(() => policies?.stop());

async function current(kept: Kept): Promise<CurrentPolicy> {
  policies = new CurrentPolicy(kept);
  await policies.entry();
  return policies;
}

describe("the policy that a process decides with", () => {
  it("a change of one permission concerns that and what is below it, and no other", async () => {
    const policy = await current(new Kept());
    policy.changed("one", "Doc");
    expect(["Doc", "Doc.Read", "Report", "Unheard"].map((action) => policy.concerns(action))).toEqual([true, true, false, false]);
    policy.changed("two", "Unheard");
    expect(policy.concerns("Unheard")).toBe(true);
    policy.changed("three", null);
    expect(policy.concerns("Report")).toBe(true);
  });

  it("a question waits until the policy contains the changes that it knows of and that concern it", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    policy.changed("one", "Doc");
    policy.changed("another", "Report");
    await expect(policy.settled(policy.about(["Doc.Read"]), soon())).rejects.toThrow(Unavailable);
    await policy.settled(modelChanges, soon());
    const waiting = policy.settled(policy.about(["Doc.Read"]), later());
    policy.changed("after it was asked", "Doc");
    kept.entry = entry("Doc", "Report");
    kept.handled.add("one");
    policy.announced();
    await waiting;
    expect((await policy.entry()).value?.permissions).toHaveLength(2);
    expect(policy.behind).toBe(2);
    expect(policy.concerns("Doc")).toBe(true);
  });

  it("a policy that was read before a change was projected does not count for it", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    const { promise, resolve } = Promise.withResolvers<void>();
    kept.held = promise;
    kept.handled.add("early");
    policy.changed("early", "Report");
    policy.changed("late", "Doc");
    kept.handled.add("late");
    policy.announced();
    const waiting = policy.settled(everyChange, later());
    kept.held = undefined;
    resolve();
    await waiting;
    expect(kept.loads).toBe(3);
    expect(policy.behind).toBe(0);
  });

  it("an event that is heard of after it was handled is loaded at once", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    kept.handled.add("early");
    policy.changed("early", "Doc");
    await policy.settled(everyChange, later());
    expect(kept.loads).toBe(2);
  });

  it("what makes the old one stale is the new one, not the change", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    const before = await policy.entry();
    policy.changed("one", "Doc");
    expect(before.stale).toBe(false);
    kept.handled.add("one");
    policy.announced();
    await policy.settled(everyChange, later());
    expect(before.stale).toBe(true);
    expect(await policy.entry()).not.toBe(before);
  });

  it("a load that fails is tried again, and whoever waits gets it", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    kept.failing = true;
    kept.handled.add("one");
    policy.changed("one", "Doc");
    const waiting = policy.settled(everyChange, later());
    await expect.poll(() => kept.loads).toBeGreaterThan(1);
    kept.failing = false;
    await waiting;
    expect(policy.behind).toBe(0);
  });

  it("a policy that was forgotten while it was read is read again", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    const { promise, resolve } = Promise.withResolvers<void>();
    kept.held = promise;
    policy.announced();
    policy.invalidate();
    kept.entry = entry("Report");
    kept.held = undefined;
    resolve();
    expect((await policy.entry()).value?.permissions).toHaveLength(1);
  });

  it("many changes one after the other are few loads where nobody waits", async () => {
    const kept = new Kept();
    const policy = await current(kept);
    for (let index = 0; index < 100; index += 1) {
      kept.handled.add(`${index}`);
      policy.changed(`${index}`, "Doc");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => policy.behind).toBe(0);
    expect(kept.loads).toBeLessThan(50);
  });

  it("rejects while it cannot be read, and ends when it is stopped", async () => {
    const kept = new Kept();
    kept.failing = true;
    policies = new CurrentPolicy(kept);
    await expect(policies.entry()).rejects.toThrow(Unavailable);
    await policies.stop();
    await expect(policies.entry()).rejects.toThrow(Unavailable);
  });
});
