import { times } from "./lanes.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { startStopwatch } from "./stopwatch.ts";

/** The published bound: how long a revoked permission may still be used, in any process. */
export const revocationBoundMs = 1_000;

export interface Processes {
  readonly all: readonly TestServer[];
  close(): Promise<void>;
}

/**
 * Several servers on one PostgreSQL database, each with its own caches. With more than one worker the projector may run in another
 * server than the write; the others only answer.
 */
export async function startProcesses(count: number, workers = 2, environment: Readonly<Record<string, string>> = {}): Promise<Processes> {
  const first = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off", ...environment }, "postgresql");
  const others = await Promise.all(times(count - 1).map((index) => first.startAnother({ worker: index + 1 < workers })));
  return {
    all: [first, ...others],
    async close() {
      for (const server of others) await server.close();
      await first.close();
    },
  };
}

/** Repeats a request until `refused` is true. Returns the milliseconds until then, and throws past the bound. */
export async function refusedWithin(what: string, ask: () => Promise<boolean>): Promise<number> {
  const stopwatch = startStopwatch();
  const startedAt = performance.now();
  for (;;) {
    const refused = await ask();
    const tookMs = performance.now() - startedAt;
    if (tookMs > revocationBoundMs && stopwatch.idleMs() > revocationBoundMs)
      throw new Error(`${what} still worked, or was first refused, after ${Math.round(tookMs)} ms`);
    if (refused) return tookMs;
  }
}
