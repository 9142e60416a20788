import { describe, expect, it } from "vitest";
import { coalesced } from "./coalesce.ts";

/** Work whose runs the test ends one by one. */
function steered() {
  const runs: PromiseWithResolvers<void>[] = [];
  const call = coalesced(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  });
  return { runs, call };
}

/** Runs all pending microtasks. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("work that is coalesced", () => {
  it("begins at once when no run is under way", async () => {
    const { runs, call } = steered();
    const done = call();
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await expect(done).resolves.toBeUndefined();
  });

  it("never overlaps itself: all calls made during a run share the next run", async () => {
    const { runs, call } = steered();
    const first = call();
    const waiting = [call(), call(), call()];
    await settle();
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await first;
    await settle();
    expect(runs).toHaveLength(2);
    runs[1]?.resolve();
    await Promise.all(waiting);
    expect(runs).toHaveLength(2);
  });

  it("gives each caller a whole run that began after the call, never the end of an older one", async () => {
    const { runs, call } = steered();
    call();
    let done = false;
    const late = call().then(() => {
      done = true;
    });
    runs[0]?.resolve();
    await settle();
    expect(done).toBe(false);
    runs[1]?.resolve();
    await late;
  });

  it("rejects the callers of a failed run only, and continues for the others", async () => {
    const { runs, call } = steered();
    const failing = call();
    const next = call();
    runs[0]?.reject(new Error("this run"));
    await expect(failing).rejects.toThrow("this run");
    await settle();
    runs[1]?.resolve();
    await expect(next).resolves.toBeUndefined();
    const after = call();
    expect(runs).toHaveLength(3);
    runs[2]?.resolve();
    await after;
  });
});
