import type { Metrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import type { BulkheadRow } from "./policies.ts";

/** Runs work as soon as a permit is available. Rejects with {@link Unavailable}, before it has begun, if there is none in time. */
export type Bulkhead = <T>(work: () => Promise<T>) => Promise<T>;

type BulkheadMetrics = Pick<Metrics, "bulkheadInUse" | "bulkheadRefused">;

interface Waiting {
  readonly begin: () => void;
}

/**
 * Limits concurrency to `permits`; further calls wait in order, for a limited time. Unlike a guard's time limit it aborts
 * no call that has begun: an aborted command might still be committed, and would be reported as failed.
 */
export function createBulkhead(
  name: string,
  { waiting: waitingMax, waitMs }: BulkheadRow,
  permits: number,
  metrics: BulkheadMetrics,
): Bulkhead {
  const queue = new Set<Waiting>();
  let inUse = 0;
  const updateGauge = () => metrics.bulkheadInUse.set({ name }, inUse);
  const refused = (why: string) => {
    metrics.bulkheadRefused.inc({ name });
    return new Unavailable(name, new Error(why));
  };
  const acquire = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        queue.delete(waiting);
        reject(refused("no permit was available in time"));
      }, waitMs);
      const waiting: Waiting = {
        begin: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      queue.add(waiting);
    });
  metrics.bulkheadRefused.inc({ name }, 0);
  updateGauge();
  return async (work) => {
    if (inUse >= permits) {
      if (queue.size >= waitingMax) throw refused("every permit is taken, and too many calls wait");
      // A finished call passes its permit on, so that no later call can take it first.
      await acquire();
    } else {
      inUse += 1;
      updateGauge();
    }
    try {
      return await work();
    } finally {
      const [next] = queue;
      if (next === undefined) {
        inUse -= 1;
        updateGauge();
      } else {
        queue.delete(next);
        next.begin();
      }
    }
  };
}
