import { describe, expect, it } from "vitest";
import { membershipKey } from "#modules/authorization/access/index.ts";
import { Pending } from "./pending.ts";

const key = membershipKey("someone", null);
const soon = () => performance.now() + 20;

describe("an entry that changed in the tables but not yet in the projection", () => {
  it("is behind until its last event is handled", async () => {
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

  it("is not behind by an event that is observed after it was handled", async () => {
    const pending = new Pending();
    pending.handled(["early"]);
    pending.add("early", [key]);
    expect(pending.behind([key])).toBe(false);
    expect(pending.size).toBe(0);
    expect(await pending.settled([key], soon())).toBe(true);
  });

  it("counts an event once, however often it is observed", () => {
    const pending = new Pending();
    pending.add("one", [key]);
    pending.add("one", [key]);
    pending.handled(["one"]);
    expect(pending.behind([key])).toBe(false);
  });

  it("awaits observed events until they are handled", () => {
    const pending = new Pending();
    pending.add("one", [key]);
    expect(pending.awaits("one")).toBe(true);
    pending.handled(["one"]);
    expect(pending.awaits("one")).toBe(false);
    pending.handled(["early"]);
    pending.add("early", [key]);
    expect(pending.awaits("early")).toBe(false);
  });

  it("drops the oldest events that were handled but never observed", () => {
    const pending = new Pending();
    pending.handled(["first"]);
    pending.handled(Array.from({ length: 10_000 }, (_, index) => `other ${index}`));
    pending.add("first", [key]);
    expect(pending.behind([key])).toBe(true);
  });
});
