import type { identity } from "#modules/foundation/identity/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { AccessReads } from "./store.ts";
import { administratorRole, ownerRole } from "./system.ts";

interface Context {
  readonly store: Pick<AccessReads, "systemRole" | "holderIds" | "undeniedHolderIds" | "denySystemPermissions">;
  readonly uses: { readonly identity: Pick<ReadApisOf<{ identity: typeof identity }>["identity"], "usersById"> };
}

/** The role that has every permission of a scope. */
export const topRole = async ({ store }: Pick<Context, "store">, organizationId: string | null): Promise<string | undefined> =>
  (await store.systemRole(organizationId === null ? administratorRole : ownerRole, organizationId))?.id;

/**
 * The owners or administrators who can undo any change of their scope: they are active, and none of their roles denies a system permission.
 * A conditional denial counts, because others control whether the condition holds. A denial of an application's permission does not count,
 * because a holder of the highest role may remove it.
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

/** Whether no top holder would be left in the scope if the user's roles were `roleIds` and the user was active or not. */
export async function wouldLoseLastHolder(
  context: Context,
  userId: string,
  organizationId: string | null,
  { roleIds, isActive = true }: { readonly roleIds: readonly string[]; readonly isActive?: boolean },
): Promise<boolean> {
  const role = await topRole(context, organizationId);
  if (role === undefined) return false;
  const present = await topHolders(context, organizationId);
  if (present.some((id) => id !== userId)) return false;
  const retainsRole = roleIds.includes(role);
  if (present.includes(userId)) return !retainsRole || !isActive || (await context.store.denySystemPermissions(roleIds));
  // The scope has no top holder now. The last user with the role must still retain it, until the operator restores a top holder.
  const holders = await context.store.holderIds(role);
  return !retainsRole && holders.length === 1 && holders[0] === userId;
}
