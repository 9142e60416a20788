import { pauseUntil } from "#platform/waiting.ts";

/** A tenth of what Prometheus gives a scrape by default (10 s): a figure that a frozen dependency owes must not cost all others. */
const scrapeWaitMs = 1_000;

/**
 * Bounds how long a scrape waits for a figure that a dependency is asked for. One that comes later is shown by a later scrape, and
 * meanwhile the dependency is not asked again; `late` says what is shown until then. `collect` handles its own errors.
 */
export function inTime(collect: () => Promise<void>, late: () => void = () => {}, waitMs = scrapeWaitMs): () => Promise<void> {
  let running: Promise<void> | undefined;
  return async () => {
    running ??= collect().finally(() => {
      running = undefined;
    });
    const asked = running;
    await pauseUntil(waitMs, asked);
    if (running === asked) late();
  };
}
