import { type LogFollower, revocationBoundMs } from "#platform/log/follower.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { OperationError, RevisionNotReached } from "../declaration/errors.ts";

/** A look that finds nothing new is not repeated at once: another transaction holds it up, or a replica is behind. */
const lookEveryMs = 10;

/** Resolves when this process has observed what `revision` wrote. Throws `common.revision_not_reached` past the revocation bound. */
export async function waitForRevision(log: LogFollower, revision: string): Promise<void> {
  const deadline = performance.now() + revocationBoundMs;
  while (!log.hasSeen(revision)) {
    if (performance.now() > deadline) throw new OperationError(RevisionNotReached, [{ field: "minRevision", rule: "reached" }]);
    await log.catchUpUntil(deadline);
    if (!log.hasSeen(revision)) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Resolves when this process has observed everything that was committed before the call. Throws Unavailable past the revocation bound. */
export async function catchUp(log: LogFollower): Promise<void> {
  const calledAt = performance.now();
  const deadline = calledAt + revocationBoundMs;
  for (;;) {
    await log.catchUpUntil(deadline);
    const now = performance.now();
    if (now - log.replicationLagMs >= calledAt) return;
    if (now > deadline) throw new Unavailable("event log", undefined);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/**
 * Resolves once every transaction up to `revision` has ended, or after `ms`, and tells which. What works in batches waits here between
 * two: so the log's horizon moves on, and consumers of the first batch's events are not overrun by the next.
 */
export async function horizonPasses(log: LogFollower, revision: string, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (BigInt(log.revision) < BigInt(revision)) {
    if (performance.now() > deadline) return false;
    await log.catchUpUntil(deadline);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return true;
}
