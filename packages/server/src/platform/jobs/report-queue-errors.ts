import type { Logger } from "pino";
import { isUnavailable } from "../database/driver-errors.ts";

/** Each worker looks for jobs every two seconds: ten lines a second, onto a disk that may be the full one. */
const unavailableEveryMs = 60_000;

/** Logs errors of the job queue; that the database is away or read-only once a minute. */
export function reportQueueErrors(logger: Logger): (error: unknown) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    const isRepeated = isUnavailable(error) && performance.now() - reportedAt < unavailableEveryMs;
    if (isUnavailable(error) && !isRepeated) reportedAt = performance.now();
    logger[isRepeated ? "debug" : "error"]({ err: error }, "the job queue reported an error");
  };
}
