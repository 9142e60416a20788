import { hasFailed, type Seen } from "./http.ts";
import { percentile } from "./load.ts";

export interface Speed {
  readonly requests: number;
  /** Answered at the second attempt. */
  readonly saved: number;
  /** Not answered at the second attempt either. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function speedOf(seen: readonly Seen[]): Speed {
  const times = seen.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const failed = seen.filter(hasFailed);
  return {
    requests: seen.length,
    saved: seen.filter((one) => one.tries > 1 && !hasFailed(one)).length,
    failed: failed.length,
    p50Ms: Math.round(percentile(times, 0.5)),
    p99Ms: Math.round(percentile(times, 0.99)),
    maxMs: Math.round(times.at(-1) ?? 0),
  };
}

/** A failed request with the results of its attempts. */
export const failureOf = ({ route, attempts }: Seen): string => `${route} failed: ${attempts}`;

/** One line of a scenario's counts. */
export const say = (name: string, counts: object): void => {
  const text = Object.entries(counts)
    .filter(([, value]) => !Array.isArray(value))
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
  process.stdout.write(`${name}: ${text}\n`);
};
