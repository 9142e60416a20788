import { pauseUntil } from "#platform/waiting.ts";

/** A tenth of Prometheus' default scrape timeout (10 s): one frozen dependency must not lose all other metrics. */
const scrapeWaitMs = 1_000;

/**
 * Bounds how long a scrape waits for `collect`. A late result is exported by a later scrape, and `collect` is not called again until
 * then; `late` sets what is exported meanwhile. `collect` handles its own errors.
 */
export function boundScrape(collect: () => Promise<void>, late: () => void = () => {}, waitMs = scrapeWaitMs): () => Promise<void> {
  let running: Promise<void> | undefined;
  return async () => {
    running ??= collect().finally(() => {
      running = undefined;
    });
    const current = running;
    await pauseUntil(waitMs, current);
    if (running === current) late();
  };
}
