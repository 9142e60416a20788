import type { RoleRow } from "./store.ts";
import { administratorRole, ownerRole } from "./system.ts";

interface Context {
  readonly store: {
    systemRole(name: string, organizationId: string | null): Promise<RoleRow | undefined>;
    holderIds(roleId: string): Promise<readonly string[]>;
    undeniedHolderIds(roleId: string, organizationId: string | null): Promise<readonly string[]>;
    denyOwnPermissions(roleIds: readonly string[]): Promise<boolean>;
  };
  readonly uses: {
    readonly identity: { usersById(ids: readonly string[]): Promise<ReadonlyMap<string, { readonly status: string }>> };
  };
}

/** The role that holds everything in a scope. */
export const topRole = async ({ store }: Pick<Context, "store">, organizationId: string | null): Promise<string | undefined> =>
  (await store.systemRole(organizationId === null ? administratorRole : ownerRole, organizationId))?.id;

/**
 * The owners, or administrators, who can undo any change of their scope: they are active, and no role of theirs takes one of the product's
 * own permissions away. A denial under a condition counts as one, because others decide whether the condition holds. A denial of an
 * application's permission does not count: whoever holds the highest role may take it back.
 */
export async function topHolders(context: Context, organizationId: string | null): Promise<readonly string[]> {
  const role = await topRole(context, organizationId);
  if (role === undefined) return [];
  return activeAmong(context, await context.store.undeniedHolderIds(role, organizationId));
}

async function activeAmong({ uses }: Context, userIds: readonly string[]): Promise<readonly string[]> {
  const users = await uses.identity.usersById(userIds);
  return userIds.filter((id) => users.get(id)?.status === "Active");
}

/** Whether the scope would have nobody left who can undo every change, if the user held `roleIds` and was active or not. */
export async function wouldLoseLastHolder(
  context: Context,
  userId: string,
  organizationId: string | null,
  { roleIds, isActive = true }: { readonly roleIds: readonly string[]; readonly isActive?: boolean },
): Promise<boolean> {
  const role = await topRole(context, organizationId);
  if (role === undefined) return false;
  const able = await topHolders(context, organizationId);
  if (able.some((id) => id !== userId)) return false;
  const keepsRole = roleIds.includes(role);
  if (able.includes(userId)) return !keepsRole || !isActive || (await context.store.denyOwnPermissions(roleIds));
  // Nobody is able to undo everything now. The last one who holds the role stays all the same, until the operator restores one.
  const holders = await context.store.holderIds(role);
  return !keepsRole && holders.length === 1 && holders[0] === userId;
}
