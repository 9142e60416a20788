import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leasedCache, turns, type Value } from "./conformance/leased-cache-fixture.ts";

describe("a leased cache against an oracle", () => {
  /**
   * Random writes, delayed invalidations, lookups and ends of reads, in every order. The oracle: every answer is at
   * least as new as every write whose event was observed before the call; in the end, the cache equals the source.
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

  it("never returns a value older than an event that was observed before the call", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (steps) => {
        const { cache, log, source, emit, settle } = leasedCache({ entriesMax: 2 });
        /** The version of each key in observed events, and the events that are still to be observed. */
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
          // A new row has no owner yet, so its key is the tag; a changed one is found by its owner.
          unobserved.push({ key, version, tags: [before?.owner ?? key] });
        };
        const observe = (): void => {
          const event = unobserved.shift();
          if (event === undefined) return;
          for (const tag of event.tags) emit("owner.revoked", { owner: tag });
          observed.set(event.key, event.version);
        };
        const answers: Promise<void>[] = [];
        const find = (key: string): void => {
          const atLeast = observed.get(key) ?? 0;
          const check = (found: Value | null): void => {
            if (found === null) {
              const isGone = removals.some((removal) => removal.key === key && removal.version >= atLeast);
              expect(atLeast === 0 || isGone).toBe(true);
              return;
            }
            expect(found.key).toBe(key);
            expect(found.version).toBeGreaterThanOrEqual(atLeast);
          };
          const found = cache.find(key);
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
            // The follower delivers everything before it is fresh.
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
        for (const key of ["a", "b", "c"]) {
          const found = cache.find(key);
          if (found instanceof Promise) await source.endRead();
          expect(await found).toEqual(source.rows.get(key) ?? null);
        }
      }),
      { numRuns: 500 },
    );
  });
});
