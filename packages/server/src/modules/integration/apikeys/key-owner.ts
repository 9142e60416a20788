import { PermissionNotHeld, RoleNotFound } from "#modules/authorization/access/index.ts";
import { ServiceAccountNameTaken, ServiceAccountNotFound } from "#modules/organization/serviceaccounts/index.ts";
import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { invalid, PermissionDenied } from "#operation/declaration/errors.ts";
import { isForeignTo } from "#operation/declaration/principal.ts";
import { oneOf, Type, Uuid } from "#operation/declaration/schema.ts";
import type { OwnerKind } from "./model.ts";
import type { apikeys } from "./module.ts";

/** The same as for a service account. */
const rolesMax = 20;

/** The owner of the new key: the caller, a service account, or a service account that is created with the key. */
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
  PermissionNotHeld,
  PermissionDenied,
] as const;
type OwnerError = (typeof ownerErrors)[number];

/** The owner that a request names; with the `roleIds` of a new service account. */
export type RequestedOwner =
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "service"; readonly id: string }
  | { readonly kind: "new service"; readonly roleIds: readonly string[] };

/**
 * Authorizes the caller to create a key for the owner that the request names. The command checks the delegation of the scopes. Permissions come
 * from the projection, so this runs before the transaction.
 */
export async function authorizeOwner(
  context: PrepareContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
  { owner = "user", serviceAccountId, roleIds }: OwnerFields,
): Promise<RequestedOwner> {
  requireFieldsOfOwner({ serviceAccountId: [serviceAccountId, owner === "service"], roleIds: [roleIds, owner === "organization"] });
  if (owner === "user") return authorizeSelf(context, organizationId);
  if (owner === "service") {
    const id = (serviceAccountId as string).toLowerCase();
    const account = await context.reading((_store, uses) => uses.serviceaccounts.serviceAccount(id));
    if (account?.organizationId !== organizationId) context.fail(ServiceAccountNotFound, { field: "serviceAccountId" });
    return { kind: "service", id };
  }
  const permission = organizationId === null ? "ServiceAccount.Manage" : "Organization.ManageServiceAccounts";
  if (!(await context.holds(organizationId, permission))) context.fail(PermissionDenied, { rule: "permission", permission });
  const distinctIds = [...new Set((roleIds as readonly string[]).map((id) => id.toLowerCase()))];
  const given = await context.reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, distinctIds));
  await context.requireHeld(organizationId, given, { error: PermissionNotHeld, field: "roleIds" });
  return { kind: "new service", roleIds: distinctIds };
}

/** Requires the field of the owner, and refuses the field of another owner. */
function requireFieldsOfOwner(fields: Readonly<Record<string, readonly [value: unknown, isOfOwner: boolean]>>): void {
  for (const [field, [value, isOfOwner]] of Object.entries(fields)) {
    if (isOfOwner && value === undefined) throw invalid({ field, rule: "required", message: "is required with this owner" });
    if (!isOfOwner && value !== undefined) throw invalid({ field, rule: "owner", message: "is not a field with this owner" });
  }
}

async function authorizeSelf(
  { user, reading, fail }: PrepareContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
): Promise<RequestedOwner> {
  // To a non-member the organization does not exist.
  if (isForeignTo(user, organizationId)) fail(OrganizationNotFound);
  if (organizationId !== null && !(await reading((_store, uses) => uses.tenancy.isMember(user.id, organizationId))))
    fail(OrganizationNotFound);
  return { kind: "user", id: user.id };
}

/** Locks the owner, or creates the new service account with the name of the key. */
export async function resolveOwner(
  { uses, principal, fail }: CommandContextOf<typeof apikeys, OwnerError>,
  organizationId: string | null,
  { name, requested }: { readonly name: string; readonly requested: RequestedOwner },
): Promise<{ readonly kind: OwnerKind; readonly id: string }> {
  if (requested.kind === "user") {
    if (organizationId !== null && !(await uses.tenancy.isMember(requested.id, organizationId))) fail(OrganizationNotFound);
    return requested;
  }
  if (requested.kind === "service") {
    // Locked until the transaction ends, so that no key is created for a deleted owner.
    const account = await uses.serviceaccounts.lockServiceAccount(requested.id);
    if (account?.organizationId !== organizationId) fail(ServiceAccountNotFound, { field: "serviceAccountId" });
    return requested;
  }
  const found = (await uses.access.lockRolesForUse(requested.roleIds)).filter((role) => role.organizationId === organizationId);
  const unknown = requested.roleIds.filter((id) => !found.some((role) => role.id === id));
  if (unknown.length > 0) fail(RoleNotFound, ...unknown.map((role) => ({ field: "roleIds", role })));
  const createdBy = principal.kind === "user" ? principal.id : null;
  const { id } = await uses.serviceaccounts.create({ organizationId, name, description: null, roleIds: requested.roleIds, createdBy });
  return { kind: "service", id };
}
