import { relationEffects } from "@gatehouse/policy";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { isIdentified, isSelf, isUser, type Principal } from "#operation/declaration/principal.ts";
import { HoldersAbove } from "./errors.ts";
import { permissionsGivenBy } from "./given-permissions.ts";
import type { access } from "./module.ts";
import type { AccessReads, RoleRow } from "./store.ts";

type HolderReads = Parameters<typeof permissionsGivenBy>[0] & Pick<AccessReads, "rolesOfHolders">;

/** Every permission that the roles of the holders of `role` allow or deny, without the caller's own roles. */
export async function rightsOfHolders(
  store: HolderReads,
  { id, organization_id }: Pick<RoleRow, "id" | "organization_id">,
  principal: Principal,
): Promise<readonly string[]> {
  const except = isIdentified(principal) ? principal.id : null;
  return permissionsGivenBy(store, organization_id, await store.rolesOfHolders(id, organization_id, except));
}

type CheckContext = PrepareContextOf<typeof access, typeof HoldersAbove>;

/**
 * Rejects a change that restricts a role if one of its holders has more permissions than the caller: callers cannot revoke the rights of
 * those above them. Returns the checked rights, for {@link stillCovered}.
 */
export async function assertCanRevokeFromHolders(
  { principal, reading, requireHeld }: CheckContext,
  role: Pick<RoleRow, "id" | "organization_id">,
): Promise<readonly string[]> {
  const rights = await reading((store) => rightsOfHolders(store, role, principal));
  await requireHeld(role.organization_id, rights, { error: HoldersAbove, field: "roleId" });
  return rights;
}

interface DenyingGrant {
  readonly type: string;
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation?: string | undefined };
}

/**
 * Rejects a grant on a relation that denies something, by a `deny` or an `except` of the model, to a user or role holders with more
 * permissions than the caller. The members of a subject set, or of `user:*`, are not known in advance: there the caller must hold what the
 * relation denies. An owner can always revoke such a grant, because grants do not apply to the product's own operations.
 */
export async function assertCanRevokeByGrant(
  context: CheckContext,
  organizationId: string | null,
  { type, relation, subject }: DenyingGrant,
): Promise<void> {
  const policy = await context.reading((store) => context.state.compile(store));
  const { takes } = relationEffects(policy, type, relation);
  if (takes.length === 0) return;
  const { principal } = context;
  if (subject.type === principal.kind && isSelf(principal, subject.id)) return;
  const rights = await context.reading(async (store) => {
    if (subject.type === "role" && isUuid(subject.id))
      return rightsOfHolders(store, { id: subject.id, organization_id: organizationId }, principal);
    if ((subject.type !== "user" && subject.type !== "service") || !isUuid(subject.id)) return takes;
    return permissionsGivenBy(store, organizationId, (await store.assignments([subject.id], organizationId)).get(subject.id) ?? []);
  });
  await context.requireHeld(organizationId, rights, { error: HoldersAbove, field: "subject" });
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/**
 * Rejects a change of attributes that a denial's condition reads, if the denial could apply to a user with more permissions than the caller.
 * That is the member, or with `userId` null every holder of a role with a denial under a condition on the organization's attributes.
 */
export async function assertCanRevokeByAttributes(context: CheckContext, organizationId: string, userId: string | null): Promise<void> {
  const { principal } = context;
  if (isUser(principal, userId ?? undefined)) return;
  const placeholder = userId === null ? "$tenant." : "$user.";
  const rights = await context.reading(async (store) => {
    const roleIds =
      userId === null ? await store.rolesWithDenials(organizationId) : (await store.assignments([userId], organizationId)).get(userId);
    const rules = await store.rulesOf(roleIds ?? []);
    const denying = [...rules].filter(([, list]) => list.some((rule) => rule.effect === "deny" && reads(rule.condition, placeholder)));
    if (denying.length === 0) return [];
    if (userId !== null) return permissionsGivenBy(store, organizationId, roleIds ?? []);
    const all = denying.map(([id]) => rightsOfHolders(store, { id, organization_id: organizationId }, principal));
    return [...new Set((await Promise.all(all)).flat())];
  });
  await context.requireHeld(organizationId, rights, { error: HoldersAbove, field: "attributes" });
}

/** Whether a condition reads a placeholder. Placeholders are whole strings in it, so its JSON contains them. */
const reads = (condition: unknown, placeholder: string): boolean => JSON.stringify(condition ?? null).includes(`"${placeholder}`);

/** Whether the holders of the role, which the transaction has locked, have no rights beyond the ones checked before it. */
export async function stillCovered(
  store: HolderReads,
  role: Pick<RoleRow, "id" | "organization_id">,
  principal: Principal,
  rights: readonly string[],
): Promise<boolean> {
  const known = new Set(rights);
  return (await rightsOfHolders(store, role, principal)).every((value) => known.has(value));
}
