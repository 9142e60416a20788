import { relationEffects } from "@gatehouse/policy";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { isUser, type Principal } from "#operation/declaration/principal.ts";
import { HoldersAbove } from "./errors.ts";
import { permissionsGivenBy } from "./given-permissions.ts";
import type { RoleRule } from "./model.ts";
import type { access } from "./module.ts";
import type { RoleRow } from "./store.ts";

type GivenReads = Parameters<typeof permissionsGivenBy>[0];

export interface HolderReads extends GivenReads {
  rolesOfHolders(roleId: string, organizationId: string | null, except: string | null): Promise<readonly string[]>;
  assignments(userIds: readonly string[], organizationId: string | null): Promise<ReadonlyMap<string, readonly string[]>>;
  rulesOf(roleIds: readonly string[]): Promise<ReadonlyMap<string, readonly RoleRule[]>>;
  rolesWithDenials(organizationId: string): Promise<readonly string[]>;
}

/** Everything that the roles of those who hold `role` give and take, without what the caller holds as one of them. */
export async function rightsOfHolders(
  store: HolderReads,
  { id, organization_id }: Pick<RoleRow, "id" | "organization_id">,
  principal: Principal,
): Promise<readonly string[]> {
  const except = principal.kind === "user" ? principal.id : null;
  return permissionsGivenBy(store, organization_id, await store.rolesOfHolders(id, organization_id, except));
}

type Preparing = PrepareContextOf<typeof access, typeof HoldersAbove>;

/**
 * Refuses to take something from the holders of a role where one of them holds more than the caller: nobody ends the rights of those
 * above. Returns the rights that were looked at, for {@link stillCovered}.
 */
export async function assertCanRevokeFromHolders(
  { principal, reading, requireHeld }: Preparing,
  role: Pick<RoleRow, "id" | "organization_id">,
): Promise<readonly string[]> {
  const rights = await reading((store) => rightsOfHolders(store, role, principal));
  await requireHeld(role.organization_id, rights, { error: HoldersAbove, field: "roleId" });
  return rights;
}

interface Taking {
  readonly type: string;
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation?: string | undefined };
}

/**
 * Refuses to put a subject into a relation that takes something away, by a `deny` or an `except` of the model: from a user or the holders
 * of a role who hold more than the caller. Whom a set or everybody will stand for is not known, so there the caller holds what is taken;
 * the owner can always revoke such a grant, because grants do not decide about the product's own operations.
 */
export async function assertCanRevokeByGrant(
  context: Preparing,
  organizationId: string | null,
  { type, relation, subject }: Taking,
): Promise<void> {
  const policy = await context.reading((store) => context.state.compile(store));
  const { takes } = relationEffects(policy, type, relation);
  if (takes.length === 0) return;
  const { principal } = context;
  if (subject.type === "user" && isUser(principal, subject.id)) return;
  const rights = await context.reading(async (store) => {
    if (subject.type === "role" && isUuid(subject.id))
      return rightsOfHolders(store, { id: subject.id, organization_id: organizationId }, principal);
    if (subject.type !== "user" || !isUuid(subject.id)) return takes;
    return permissionsGivenBy(store, organizationId, (await store.assignments([subject.id], organizationId)).get(subject.id) ?? []);
  });
  await context.requireHeld(organizationId, rights, { error: HoldersAbove, field: "subject" });
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/**
 * Refuses to set attributes that a denial reads, where it would reach somebody who holds more than the caller: a member, or with
 * `userId` null every holder of a role that takes something away under a condition on the organization's attributes.
 */
export async function assertCanRevokeByAttributes(context: Preparing, organizationId: string, userId: string | null): Promise<void> {
  const { principal } = context;
  if (isUser(principal, userId ?? undefined)) return;
  const placeholder = userId === null ? "$tenant." : "$user.";
  const rights = await context.reading(async (store) => {
    const held =
      userId === null ? await store.rolesWithDenials(organizationId) : (await store.assignments([userId], organizationId)).get(userId);
    const rules = await store.rulesOf(held ?? []);
    const denying = [...rules].filter(([, list]) => list.some((rule) => rule.effect === "deny" && reads(rule.condition, placeholder)));
    if (denying.length === 0) return [];
    if (userId !== null) return permissionsGivenBy(store, organizationId, held ?? []);
    const all = denying.map(([id]) => rightsOfHolders(store, { id, organization_id: organizationId }, principal));
    return [...new Set((await Promise.all(all)).flat())];
  });
  await context.requireHeld(organizationId, rights, { error: HoldersAbove, field: "attributes" });
}

/** A placeholder stands in a condition as a text of its own, so its JSON shows it. */
const reads = (condition: unknown, placeholder: string): boolean => JSON.stringify(condition ?? null).includes(`"${placeholder}`);

/** Whether the holders of the role, which is locked now, have no more than what was looked at before the transaction. */
export async function stillCovered(
  store: HolderReads,
  role: Pick<RoleRow, "id" | "organization_id">,
  principal: Principal,
  rights: readonly string[],
): Promise<boolean> {
  const known = new Set(rights);
  return (await rightsOfHolders(store, role, principal)).every((value) => known.has(value));
}
