import { describe, expect, it } from "vitest";
import { membershipKey } from "#modules/authorization/access/index.ts";
import { Pending } from "./pending.ts";

const key = membershipKey("someone", null);
const soon = () => performance.now() + 20;

describe("what has changed in the tables but not yet in the read model", () => {
  it("is behind until its last event was handled", async () => {
    const pending = new Pending();
    pending.add("one", [key]);
    pending.add("two", [key]);
    pending.handled(["one"]);
    expect(pending.behind([key])).toBe(true);
    expect(await pending.settled([key], soon())).toBe(false);
    const waiting = pending.settled([key], performance.now() + 10_000);
    pending.handled(["two"]);
    expect(await waiting).toBe(true);
    expect(pending.size).toBe(0);
  });

  it("is not behind for an event that is heard of after it was handled: a projector may read a later transaction", async () => {
    const pending = new Pending();
    pending.handled(["early"]);
    pending.add("early", [key]);
    expect(pending.behind([key])).toBe(false);
    expect(pending.size).toBe(0);
    expect(await pending.settled([key], soon())).toBe(true);
  });

  it("counts an event once, however often it is told", () => {
    const pending = new Pending();
    pending.add("one", [key]);
    pending.add("one", [key]);
    pending.handled(["one"]);
    expect(pending.behind([key])).toBe(false);
  });

  it("tells which events are still to be handled", () => {
    const pending = new Pending();
    pending.add("one", [key]);
    expect(pending.awaits("one")).toBe(true);
    pending.handled(["one"]);
    expect(pending.awaits("one")).toBe(false);
    pending.handled(["early"]);
    pending.add("early", [key]);
    expect(pending.awaits("early")).toBe(false);
  });

  it("forgets what was handled before and never heard of", () => {
    const pending = new Pending();
    pending.handled(["first"]);
    pending.handled(Array.from({ length: 10_000 }, (_, index) => `other ${index}`));
    pending.add("first", [key]);
    expect(pending.behind([key])).toBe(true);
  });
});
