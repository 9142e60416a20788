import type { Emit } from "#operation/declaration/module.ts";
import { GrantRevoked } from "./events.ts";
import { type GrantRow, type GrantSearch, type RemovedGrants, relationshipOf } from "./grant-store.ts";

interface Forgetting {
  readonly store: {
    removeGrants(search: GrantSearch, limit: number): Promise<RemovedGrants>;
    deleteMemberAttributes(organizationId: string, userId: string): Promise<boolean>;
  };
  readonly emit: Emit;
}

/**
 * What is removed in one transaction, which takes some tenths of a second: the log's horizon stands still for as long, and every process
 * reads the events of a transaction at once.
 */
export const revokedAtOnce = 1_000;

/** Removes at most `limit` of the grants that the search finds, each with its event. */
export async function revokeSomeGrants(
  { store, emit }: Pick<Forgetting, "store" | "emit">,
  search: GrantSearch,
  limit: number = revokedAtOnce,
): Promise<RemovedGrants> {
  const removed = await store.removeGrants(search, limit);
  for (const row of removed.rows) emit(GrantRevoked, grantEventData(row));
  return removed;
}

export const grantEventData = (row: GrantRow) => ({ grantId: row.id, ...relationshipOf(row) });

/** The grants that name a user as their subject. */
export const grantsOf = (organizationId: string | null, userId: string): GrantSearch => ({
  organizationId,
  subjectType: "user",
  subjectId: userId,
});

/** Removes the grants and attributes of a leaving member: they must not come back with a later membership. */
export async function revokeSubject(context: Forgetting, organizationId: string | null, userId: string): Promise<void> {
  // All in this transaction: a subject with more than a batch of grants is removed in parts, and these are the rest.
  while ((await revokeSomeGrants(context, grantsOf(organizationId, userId))).more);
  if (organizationId !== null) await context.store.deleteMemberAttributes(organizationId, userId);
}
