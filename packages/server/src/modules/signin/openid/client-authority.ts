import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { ServiceAccountNotFound } from "#modules/organization/serviceaccounts/index.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { ClientScopeNotHeld } from "./errors.ts";
import { isOpenidScope } from "./model.ts";
import type { openid } from "./module.ts";
import type { ClientRow } from "./store/clients.ts";

export const authorityErrors = [ClientScopeNotHeld, PermissionNotHeld, ServiceAccountNotFound] as const;
type AuthorityError = (typeof authorityErrors)[number];

/** What a client may get tokens for. */
export interface ClientAuthority {
  readonly organizationId: string | null;
  readonly scopes: readonly string[];
  readonly serviceAccountId: string | null;
}

/** The authority that {@link requireAuthorityHeld} has checked. `run` compares it with the rows that it has locked. */
export interface CheckedAuthority {
  readonly scopes: ReadonlySet<string>;
  readonly roleIds: readonly string[];
}

/**
 * The delegation check: a principal that creates a client, changes it or gets its secret must hold what the client can get tokens for. So no
 * principal escalates privileges by a client, or by redirecting the tokens of one.
 *
 * A service client acts alone, so its scopes and the permissions of its service account's roles must be held. A global client acts for users of
 * every organization, with their own permissions there. No principal holds those in the internal scope, so permissions of organizations need
 * only be defined: `Client.Manage` is enough for them.
 */
export async function requireAuthorityHeld(
  context: PrepareContextOf<typeof openid, AuthorityError>,
  { organizationId, scopes, serviceAccountId }: ClientAuthority,
): Promise<CheckedAuthority> {
  const permissions = scopes.filter((scope) => !isOpenidScope(scope));
  const roleIds = serviceAccountId === null ? [] : await requireServiceHeld(context, organizationId, serviceAccountId);
  const ofOrganizations =
    organizationId === null && serviceAccountId === null
      ? await context.reading((_store, uses) => uses.access.organizationPermissionsAmong(permissions))
      : new Set<string>();
  const required = permissions.filter((value) => !ofOrganizations.has(value));
  await context.requireHeld(organizationId, required, { error: ClientScopeNotHeld, field: "scopes" });
  return { scopes: new Set(scopes), roleIds };
}

/** Requires the permissions of the service account's roles. A service account of another scope is refused like an unknown one. */
async function requireServiceHeld(
  context: PrepareContextOf<typeof openid, AuthorityError>,
  organizationId: string | null,
  serviceAccountId: string,
): Promise<readonly string[]> {
  const { roleIds, given } = await context.reading(async (_store, uses) => {
    const account = await uses.serviceaccounts.serviceAccount(serviceAccountId);
    if (account?.organizationId !== organizationId) context.fail(ServiceAccountNotFound, { field: "serviceAccountId" });
    const roleIds = (await uses.access.rolesOf([serviceAccountId], organizationId)).get(serviceAccountId) ?? [];
    return { roleIds, given: await uses.access.permissionsGivenBy(organizationId, roleIds) };
  });
  await context.requireHeld(organizationId, given, { error: PermissionNotHeld, field: "serviceAccountId" });
  return roleIds;
}

/** The authority of a stored client. A scope whose permission is no longer defined permits nothing. No principal can hold it, so none must. */
export async function authorityOf(
  { reading }: Pick<PrepareContextOf<typeof openid, AuthorityError>, "reading">,
  row: ClientRow,
): Promise<ClientAuthority> {
  const defined = await reading((_store, uses) => uses.access.definedAmong(row.scopes));
  const scopes = row.scopes.filter((scope) => isOpenidScope(scope) || defined.has(scope));
  return { organizationId: row.organization_id, scopes, serviceAccountId: row.service_account_id };
}

/** Refuses a client whose scopes or service account's roles have grown since the delegation check. Locks the service account. */
export async function requireUnchanged(
  { uses, fail }: CommandContextOf<typeof openid, AuthorityError>,
  { organizationId, scopes, serviceAccountId }: ClientAuthority,
  checked: CheckedAuthority,
): Promise<void> {
  const defined = await uses.access.definedAmong(scopes);
  if (scopes.some((scope) => defined.has(scope) && !checked.scopes.has(scope)))
    fail(ClientScopeNotHeld, { field: "scopes", rule: "changed" });
  if (serviceAccountId === null) return;
  // Locked until the transaction ends, so that no client is created for a deleted service account.
  const account = await uses.serviceaccounts.lockServiceAccount(serviceAccountId);
  if (account?.organizationId !== organizationId) fail(ServiceAccountNotFound, { field: "serviceAccountId" });
  const roleIds = (await uses.access.rolesOf([serviceAccountId], organizationId)).get(serviceAccountId) ?? [];
  if (roleIds.some((role) => !checked.roleIds.includes(role))) fail(PermissionNotHeld, { field: "serviceAccountId", rule: "changed" });
}
