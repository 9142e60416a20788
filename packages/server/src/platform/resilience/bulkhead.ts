import type { Metrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import type { BulkheadRow } from "./policies.ts";

/** Runs work as soon as there is a place. Rejects with {@link Unavailable}, and has begun nothing, where there is none in time. */
export type Bulkhead = <T>(work: () => Promise<T>) => Promise<T>;

type BulkheadMetrics = Pick<Metrics, "bulkheadInUse" | "bulkheadRefused">;

interface Waiting {
  readonly begin: () => void;
}

/**
 * So many at once; the others wait in the order in which they came, for a limited time. Unlike a guard's time limit it ends
 * nothing that has begun: a command that is given up may still be committed, and would be told as failed.
 */
export function createBulkhead(
  name: string,
  { waiting: waitingMax, waitMs }: BulkheadRow,
  atOnce: number,
  metrics: BulkheadMetrics,
): Bulkhead {
  const queue = new Set<Waiting>();
  let inUse = 0;
  const tell = () => metrics.bulkheadInUse.set({ name }, inUse);
  const refused = (why: string) => {
    metrics.bulkheadRefused.inc({ name });
    return new Unavailable(name, new Error(why));
  };
  const place = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        queue.delete(waiting);
        reject(refused("no place was free in time"));
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
  tell();
  return async (work) => {
    if (inUse >= atOnce) {
      if (queue.size >= waitingMax) throw refused("every place is taken, and too many wait");
      // Whoever leaves hands its place on, so that none is counted twice or taken by somebody who came later.
      await place();
    } else {
      inUse += 1;
      tell();
    }
    try {
      return await work();
    } finally {
      const [next] = queue;
      if (next === undefined) {
        inUse -= 1;
        tell();
      } else {
        queue.delete(next);
        next.begin();
      }
    }
  };
}
