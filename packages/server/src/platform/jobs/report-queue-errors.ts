import type { Logger } from "pino";
import { isUnavailable } from "../database/driver-errors.ts";

/** Each worker polls every two seconds: unlimited, that would be ten lines per second, perhaps onto the full disk. */
const unavailableEveryMs = 60_000;

/** Logs errors of the job queue; an unavailable or read-only database at most once per minute. */
export function reportQueueErrors(logger: Logger): (error: unknown) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    const isRepeated = isUnavailable(error) && performance.now() - reportedAt < unavailableEveryMs;
    if (isUnavailable(error) && !isRepeated) reportedAt = performance.now();
    logger[isRepeated ? "debug" : "error"]({ err: error }, "the job queue reported an error");
  };
}
