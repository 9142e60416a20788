import type { Logger } from "pino";

/** Requests in flight get so long when the process is asked to stop; a second signal ends it at once. */
export const graceMs = 10_000;

export const stopSignals: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/**
 * Calls `stop` at the first SIGTERM or SIGINT, or when `lost` says that the process can go on no longer, and ends the process when it
 * is done or the grace time is over; with 1 where nobody asked for it, so that whoever watches it starts it again. Tells when the grace time is over:
 * its own timer does not run where the main thread stalls.
 */
export function stopOnSignals(
  stop: () => Promise<void>,
  logger: Logger,
  lost: Promise<void> = new Promise(() => {}),
): { isOverdue(): boolean } {
  let stopping = false;
  let endsAt = Number.POSITIVE_INFINITY;
  const end = (signal: NodeJS.Signals | undefined): void => {
    if (stopping) process.exit(1);
    stopping = true;
    endsAt = performance.now() + graceMs;
    logger.info({ signal }, "stopping: requests in flight are finished, new ones refused");
    const late = setTimeout(() => {
      logger.error("the grace time is over; stopping now");
      process.exit(1);
    }, graceMs);
    stop().then(
      () => {
        clearTimeout(late);
        logger.info("stopped");
        process.exit(signal === undefined ? 1 : 0);
      },
      (error) => {
        logger.error({ err: error }, "could not stop in order");
        process.exit(1);
      },
    );
  };
  for (const signal of stopSignals) process.on(signal, end);
  void lost.then(() => {
    if (!stopping) end(undefined);
  });
  return { isOverdue: () => performance.now() > endsAt };
}
