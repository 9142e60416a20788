import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./http.ts";
import type { Side } from "./side.ts";

/**
 * Sends a request now and then during the load and checks the whole answer, because the load generator checks only statuses. A few
 * requests a second among thousands do not affect the figure.
 */
export function startProbe(side: Side): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const done = probe(side, stopping.signal);
  // It is awaited in stop(); until then a failure must not count as unhandled.
  done.catch(() => {});
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

async function probe(side: Side, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    for (const { request, expect } of side.questions) {
      await sleep(side.probeEveryMs ?? 250, undefined, { signal: stopping }).catch(() => {});
      if (stopping.aborted) return;
      expect(await send(side.url, request));
    }
  }
}
