import type { CommandContext } from "#operation/declaration/context.ts";
import { GrantRevoked } from "./events.ts";
import { type GrantRow, type GrantSearch, type RemovedGrants, relationshipOf } from "./grant-store.ts";
import type { HolderKind } from "./model.ts";
import type { AccessReads, AccessWrites } from "./store.ts";

type RevokeContext = Pick<CommandContext<AccessReads, AccessWrites, unknown, object, never>, "store" | "emit">;

/**
 * Grants that one transaction removes, within some tenths of a second. It holds back the log's horizon for as long, and every process reads
 * all events of a transaction at once.
 */
export const revokedAtOnce = 1_000;

/** Removes at most `limit` of the grants that the search finds, each with its event. */
export async function revokeSomeGrants(
  { store, emit }: RevokeContext,
  search: GrantSearch,
  limit: number = revokedAtOnce,
): Promise<RemovedGrants> {
  const removed = await store.removeGrants(search, limit);
  for (const row of removed.rows) emit(GrantRevoked, grantEventData(row));
  return removed;
}

export const grantEventData = (row: GrantRow) => ({ grantId: row.id, ...relationshipOf(row) });

/** The grants that name a user or a service account as their subject. */
export const grantsOf = (organizationId: string | null, subjectId: string, subjectType: HolderKind = "user"): GrantSearch => ({
  organizationId,
  subjectType,
  subjectId,
});

/** Removes the grants and attributes of a leaving member or a deleted service account, so that they do not apply to a later membership. */
export async function revokeSubject(
  context: RevokeContext,
  organizationId: string | null,
  holderId: string,
  holder: HolderKind = "user",
): Promise<void> {
  // All in this transaction: a caller with many grants to remove has removed full batches before.
  while ((await revokeSomeGrants(context, grantsOf(organizationId, holderId, holder))).more);
  if (organizationId !== null) await context.store.deleteMemberAttributes(organizationId, holderId);
}
