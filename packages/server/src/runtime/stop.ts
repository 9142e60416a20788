import type { Logger } from "pino";

/** Time for requests in flight after a stop signal; a second signal ends the process at once. */
export const graceMs = 10_000;

export const stopSignals: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/**
 * Calls `stop` at the first SIGTERM or SIGINT, or when `lost` resolves. Ends the process when `stop` is done or the grace time has passed;
 * with exit code 1 where no signal requested it, so that its service manager restarts it. `isOverdue` tells a watchdog that the grace time has
 * passed, because timers do not run where the main thread stalls.
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
      logger.error("the grace time has passed; stopping now");
      process.exit(1);
    }, graceMs);
    stop().then(
      () => {
        clearTimeout(late);
        logger.info("stopped");
        process.exit(signal === undefined ? 1 : 0);
      },
      (error) => {
        logger.error({ err: error }, "the shutdown failed");
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
