import { NotHeld, RoleNotFound } from "#modules/authorization/access/index.ts";
import { ServiceAccountNameTaken, ServiceAccountNotFound } from "#modules/organization/serviceaccounts/index.ts";
import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { invalid, PermissionDenied } from "#operation/declaration/errors.ts";
import { isForeignTo } from "#operation/declaration/principal.ts";
import { oneOf, Type, Uuid } from "#operation/declaration/schema.ts";
import type { OwnerKind } from "./model.ts";
import type { apikeys } from "./module.ts";

/** As many as a service account may have. */
const rolesMax = 20;

/** Whose key is made: the caller's own, a service account's, or that of a service account which is made with it. */
export const OwnerInput = {
  owner: Type.Optional(oneOf("user", "service", "organization")),
  serviceAccountId: Type.Optional(Uuid),
  roleIds: Type.Optional(Type.Array(Uuid, { minItems: 1, maxItems: rolesMax, uniqueItems: true })),
};
interface OwnerFields {
  readonly owner?: "user" | "service" | "organization";
  readonly serviceAccountId?: string;
  readonly roleIds?: readonly string[];
}

export const ownerErrors = [
  OrganizationNotFound,
  ServiceAccountNotFound,
  ServiceAccountNameTaken,
  RoleNotFound,
  NotHeld,
  PermissionDenied,
] as const;
type OwnerError = (typeof ownerErrors)[number];

/** The owner that a request names; `roleIds` of a service account that is to be made. */
export type WantedOwner =
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "service"; readonly id: string }
  | { readonly kind: "new service"; readonly roleIds: readonly string[] };

/**
 * Authorizes the caller to make a key of the owner that the request names. The delegation check of the scopes comes beside it. Holdings come
 * from the projection, so it is asked before the transaction.
 */
export async function authorizeOwner(
  context: PrepareContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
  { owner = "user", serviceAccountId, roleIds }: OwnerFields,
): Promise<WantedOwner> {
  refuseOthers({ serviceAccountId: [serviceAccountId, owner === "service"], roleIds: [roleIds, owner === "organization"] });
  if (owner === "user") return authorizeSelf(context, organizationId);
  if (owner === "service") {
    const id = (serviceAccountId as string).toLowerCase();
    const account = await context.reading((_store, uses) => uses.serviceaccounts.serviceAccount(id));
    if (account?.organizationId !== organizationId) context.fail(ServiceAccountNotFound, { field: "serviceAccountId" });
    return { kind: "service", id };
  }
  const permission = organizationId === null ? "ServiceAccount.Manage" : "Organization.ManageServiceAccounts";
  if (!(await context.holds(organizationId, permission))) context.fail(PermissionDenied, { rule: "permission", permission });
  const wanted = [...new Set((roleIds as readonly string[]).map((id) => id.toLowerCase()))];
  const given = await context.reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, wanted));
  await context.requireHeld(organizationId, given, { error: NotHeld, field: "roleIds" });
  return { kind: "new service", roleIds: wanted };
}

/** A field that belongs to another owner is refused, and its own is required. */
function refuseOthers(fields: Readonly<Record<string, readonly [value: unknown, belongs: boolean]>>): void {
  for (const [field, [value, belongs]] of Object.entries(fields)) {
    if (belongs && value === undefined) throw invalid({ field, rule: "required", message: "is required with this owner" });
    if (!belongs && value !== undefined) throw invalid({ field, rule: "owner", message: "is not a field with this owner" });
  }
}

async function authorizeSelf(
  { user, reading, fail }: PrepareContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
): Promise<WantedOwner> {
  // To a non-member the organization does not exist.
  if (isForeignTo(user, organizationId)) fail(OrganizationNotFound);
  if (organizationId !== null && !(await reading((_store, uses) => uses.tenancy.isMember(user.id, organizationId))))
    fail(OrganizationNotFound);
  return { kind: "user", id: user.id };
}

/** The owner, as it is in the transaction; makes the service account that is to be made, under the name of the key. */
export async function resolveOwner(
  { uses, principal, fail }: CommandContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
  { name, wanted }: { readonly name: string; readonly wanted: WantedOwner },
): Promise<{ readonly kind: OwnerKind; readonly id: string }> {
  if (wanted.kind === "user") {
    if (organizationId !== null && !(await uses.tenancy.isMember(wanted.id, organizationId))) fail(OrganizationNotFound);
    return wanted;
  }
  if (wanted.kind === "service") {
    // Held until the transaction ends: a key never outlives the deletion of its owner.
    const account = await uses.serviceaccounts.lockServiceAccount(wanted.id);
    if (account?.organizationId !== organizationId) fail(ServiceAccountNotFound, { field: "serviceAccountId" });
    return wanted;
  }
  const found = (await uses.access.lockRolesForUse(wanted.roleIds)).filter((role) => role.organizationId === organizationId);
  const unknown = wanted.roleIds.filter((id) => !found.some((role) => role.id === id));
  if (unknown.length > 0) fail(RoleNotFound, ...unknown.map((role) => ({ field: "roleIds", role })));
  const createdBy = principal.kind === "user" ? principal.id : null;
  const { id } = await uses.serviceaccounts.create({ organizationId, name, description: null, roleIds: wanted.roleIds, createdBy });
  return { kind: "service", id };
}
