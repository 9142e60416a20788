import type { Resilience } from "../resilience/resilience.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Database, ReadHandle, ReplicaNeed, Scope } from "./database.ts";
import { isCanceledStatement } from "./driver-errors.ts";

/** The replica has not replayed what the read has to include, or follows another database. */
export class ReplicaBehind extends Error {
  constructor(because: string) {
    super(`the replica is not asked: ${because}`);
    this.name = "ReplicaBehind";
  }
}

/** Runs a read on the replica where that may answer it, else on the primary. */
export type ReplicaReads = <T>(scope: Scope, work: (db: ReadHandle) => Promise<T>) => Promise<T>;

export interface ReplicaReadsParts {
  readonly database: Pick<Database, "read" | "replica">;
  readonly need: () => ReplicaNeed;
  readonly resilience: Resilience;
  readonly metrics: Pick<Metrics, "replicaReads">;
}

/**
 * Reads for which the replica is a help and never a condition. A replica that does not answer, or that is behind, is passed over:
 * the primary answers. What fails on the replica is asked of the primary too, whatever the error is: the row that a read did not find
 * may not have been replayed yet, and the replica may have ended the statement because of a replayed change. So no caller receives
 * 401, 404 or 503 on the word of a replica. `work` may run twice and must only read.
 */
export function replicaReads({ database, need, resilience, metrics }: ReplicaReadsParts): ReplicaReads {
  const { replica } = database;
  if (replica === undefined) return (scope, work) => database.read(scope, work);
  for (const outcome of ["answered", "behind", "unavailable", "failed"]) metrics.replicaReads.inc({ outcome }, 0);
  const guard = resilience.guard("postgresql.replica", "database replica", (error) => !(error instanceof ReplicaBehind));
  return async <T>(scope: Scope, work: (db: ReadHandle) => Promise<T>): Promise<T> => {
    const onPrimary = (reason: "behind" | "unavailable" | "failed") => {
      metrics.replicaReads.inc({ outcome: reason });
      return database.read(scope, work);
    };
    let begun: { readonly answer: Promise<T> };
    try {
      // The time limit is on the way to the first row only: from there on the statement's own limit holds.
      begun = await guard((signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<typeof begun>();
        const answer = replica.read(scope, need(), (db) => {
          // The primary is answering already.
          signal.throwIfAborted();
          resolve({ answer });
          return work(db);
        });
        answer.catch(reject);
        return promise;
      });
    } catch (error) {
      return onPrimary(error instanceof ReplicaBehind ? "behind" : "unavailable");
    }
    try {
      const result = await begun.answer;
      metrics.replicaReads.inc({ outcome: "answered" });
      return result;
    } catch (error) {
      // A statement that is too slow for the replica would hold up the primary as long.
      if (isCanceledStatement(error)) throw error;
      return onPrimary("failed");
    }
  };
}
