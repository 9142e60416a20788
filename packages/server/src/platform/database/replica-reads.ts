import type { Resilience } from "../resilience/resilience.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Database, ReadHandle, ReplicaNeed, Scope } from "./database.ts";
import { isCanceledStatement } from "./driver-errors.ts";

/** The replica has not replayed what the read must include, or follows another database. */
export class ReplicaBehind extends Error {
  constructor(because: string) {
    super(`the replica is not used: ${because}`);
    this.name = "ReplicaBehind";
  }
}

/** Runs a read on the replica if that may answer it, otherwise on the primary. */
export type ReplicaReads = <T>(scope: Scope, work: (db: ReadHandle) => Promise<T>) => Promise<T>;

export interface ReplicaReadsDependencies {
  readonly database: Pick<Database, "read" | "replica">;
  readonly need: () => ReplicaNeed;
  readonly resilience: Resilience;
  readonly metrics: Pick<Metrics, "replicaReads">;
}

/**
 * Reads from the replica with the primary as a fallback. If the replica does not answer or is behind,
 * the primary answers. A read that fails on the replica is repeated on the primary, whatever the error is: a row that was not found
 * may not have been replayed yet, and the replica may have canceled the statement because of a replayed change. So no caller receives
 * 401, 404 or 503 because of a replica. `work` may run twice and must only read.
 */
export function replicaReads({ database, need, resilience, metrics }: ReplicaReadsDependencies): ReplicaReads {
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
      // The time limit covers only the time until `work` begins: after that the statement's own limit applies.
      begun = await guard((signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<typeof begun>();
        const answer = replica.read(scope, need(), (db) => {
          // The primary already answers.
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
      // A statement that is too slow for the replica would be as slow on the primary.
      if (isCanceledStatement(error)) throw error;
      return onPrimary("failed");
    }
  };
}
