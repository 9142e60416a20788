import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Limits } from "../limits.ts";

/** The contract of the limits port, for every adapter. */
export function limitsConformance(name: string, make: () => Promise<Limits>): void {
  describe(`limits: ${name}`, () => {
    let limits: Limits;
    let limited: string;
    beforeAll(async () => {
      limits = await make();
    });
    beforeEach(() => {
      limited = `contract-${randomBytes(6).toString("hex")}`;
    });

    const three = { points: 3, seconds: 60 };
    const takes = async (times: number, key = "ada", limit = three): Promise<number[]> => {
      const waits: number[] = [];
      for (let time = 0; time < times; time += 1) waits.push(await limits.take(limited, key, limit));
      return waits;
    };

    it("grants each point once, and then returns how long to wait", async () => {
      const [first, second, third, fourth, fifth] = await takes(5);
      expect([first, second, third]).toEqual([0, 0, 0]);
      for (const wait of [fourth, fifth] as number[]) {
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(60);
      }
    });

    it("returns with each point how many are left and when the window ends", async () => {
      const states = [];
      for (let call = 0; call < 4; call += 1) states.push(await limits.count(limited, "ada", three));
      expect(states.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0]);
      expect(states.map(({ waitSeconds }) => waitSeconds > 0)).toEqual([false, false, false, true]);
      for (const { resetSeconds } of states) {
        expect(resetSeconds).toBeGreaterThan(0);
        expect(resetSeconds).toBeLessThanOrEqual(60);
      }
      expect(await limits.take(limited, "ada", three)).toBeGreaterThan(0);
    });

    it("grants no more points than the limit to many concurrent callers", async () => {
      const waits = await Promise.all(Array.from({ length: 50 }, () => limits.take(limited, "ada", { points: 7, seconds: 60 })));
      expect(waits.filter((wait) => wait === 0)).toHaveLength(7);
    });

    it("counts each key, name and limit separately", async () => {
      await takes(4);
      expect(await limits.take(limited, "bob", three)).toBe(0);
      expect(await limits.take(limited, "", three)).toBe(0);
      expect(await limits.take(`${limited}-other`, "ada", three)).toBe(0);
      expect(await limits.take(limited, "ada", { points: 3, seconds: 61 })).toBe(0);
      expect(await limits.take(limited, "ada", { points: 4, seconds: 60 })).toBe(0);
      expect(await limits.take(limited, "ada", three)).toBeGreaterThan(0);
    });

    it("distinguishes names and keys whose concatenations are equal", async () => {
      const [one, other] = [`${limited}:a`, limited];
      await limits.take(one, "b", { points: 1, seconds: 60 });
      expect(await limits.peek(other, "a:b", { points: 1, seconds: 60 })).toBe(0);
    });

    it("returns whether a point is left without taking it", async () => {
      for (let time = 0; time < 5; time += 1) expect(await limits.peek(limited, "ada", three)).toBe(0);
      await takes(2);
      expect(await limits.peek(limited, "ada", three)).toBe(0);
      await takes(1);
      expect(await limits.peek(limited, "ada", three)).toBeGreaterThan(0);
      expect(await limits.peek(limited, "bob", three)).toBe(0);
    });

    it("gives all points of one key back at a reset", async () => {
      await takes(4, "ada");
      await takes(4, "bob");
      await limits.reset(limited, "ada", three);
      expect(await limits.peek(limited, "ada", three)).toBe(0);
      expect(await takes(4, "ada")).toEqual([0, 0, 0, expect.any(Number)]);
      expect(await limits.peek(limited, "bob", three)).toBeGreaterThan(0);
      await limits.reset(limited, "never", three);
    });

    it("gives one point back, and never more than were taken", async () => {
      await takes(3);
      await limits.giveBack(limited, "ada", three);
      expect(await takes(2)).toEqual([0, expect.any(Number)]);
      expect(await limits.peek(limited, "ada", three)).toBeGreaterThan(0);
      for (let time = 0; time < 3; time += 1) await limits.giveBack(limited, "bob", three);
      expect((await takes(5, "bob")).filter((wait) => wait === 0)).toHaveLength(3);
    });

    it("takes no point for a rejected call: a returned point is available to the next call", async () => {
      await takes(10);
      await limits.giveBack(limited, "ada", three);
      expect(await limits.peek(limited, "ada", three)).toBe(0);
      expect(await takes(2)).toEqual([0, expect.any(Number)]);
    });

    it("expires after its window, which begins with the first point", async () => {
      const short = { points: 2, seconds: 1 };
      expect(await takes(2, "ada", short)).toEqual([0, 0]);
      expect(await limits.take(limited, "ada", short)).toBe(1);
      await eventually(() => limits.peek(limited, "ada", short)).toBe(0);
      expect(await limits.take(limited, "ada", short)).toBe(0);
    });

    it("is not prolonged by rejected calls", async () => {
      const short = { points: 1, seconds: 1 };
      const began = performance.now();
      await limits.take(limited, "ada", short);
      // A caller that retries all the time succeeds when the window ends, not a window after its last attempt.
      await eventually(() => limits.take(limited, "ada", short)).toBe(0);
      expect(performance.now() - began).toBeGreaterThan(900);
    });
  });
}
