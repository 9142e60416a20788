import { type LogFollower, revocationBoundMs } from "#platform/log/follower.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { OperationError, RevisionNotReached } from "../declaration/errors.ts";

/** The pause between polls: an open transaction delays the log, or a replica is behind. */
const pollIntervalMs = 10;

/** Resolves when this process has observed the write of `revision`. Throws `common.revision_not_reached` past the revocation bound. */
export async function waitForRevision(log: LogFollower, revision: string): Promise<void> {
  const deadline = performance.now() + revocationBoundMs;
  while (!log.hasSeen(revision)) {
    if (performance.now() > deadline) throw new OperationError(RevisionNotReached, [{ field: "minRevision", rule: "reached" }]);
    await log.catchUpUntil(deadline);
    if (!log.hasSeen(revision)) await new Promise((resolve) => setTimeout(resolve, pollIntervalMs));
  }
}

/** Resolves when this process has observed every commit before the call. Throws Unavailable past the revocation bound. */
export async function catchUp(log: LogFollower): Promise<void> {
  const calledAt = performance.now();
  const deadline = calledAt + revocationBoundMs;
  for (;;) {
    await log.catchUpUntil(deadline);
    const now = performance.now();
    if (now - log.replicationLagMs >= calledAt) return;
    if (now > deadline) throw new Unavailable("event log", undefined);
    await new Promise((resolve) => setTimeout(resolve, pollIntervalMs));
  }
}

/**
 * Resolves with true once every transaction up to `revision` has ended, or with false after `ms`. Batch work waits here between two
 * batches, so that the log's horizon advances and consumers keep up with the events.
 */
export async function horizonPasses(log: LogFollower, revision: string, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (BigInt(log.revision) < BigInt(revision)) {
    if (performance.now() > deadline) return false;
    await log.catchUpUntil(deadline);
    await new Promise((resolve) => setTimeout(resolve, pollIntervalMs));
  }
  return true;
}
