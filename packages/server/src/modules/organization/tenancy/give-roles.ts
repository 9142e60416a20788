import { NotHeld, type RoleSummary } from "#modules/authorization/access/index.ts";
import type { ErrorDetail } from "#operation/errors.ts";
import { RoleUnknown } from "./errors.ts";

interface AccessReads {
  permissionsGivenBy(organizationId: string | null, roleIds: readonly string[]): Promise<readonly string[]>;
}

interface Preparing<Store> {
  reading<T>(work: (store: Store, uses: { readonly access: AccessReads }) => Promise<T>): Promise<T>;
  notHeld(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
  fail(error: typeof NotHeld, ...details: ErrorDetail[]): never;
}

/** More would not help whoever asked. */
const detailsMax = 20;

/**
 * Refuses to give or take roles that give more than the caller holds himself, so that nobody rises by his own hand and
 * nobody unmakes whoever stands above him. Asked before the transaction: holdings come from the read model. A role of
 * another scope is left to {@link rolesInScope}, so that what it gives is told to nobody here.
 */
export async function mayHandOut<Store>(
  context: Preparing<Store>,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<void> {
  const given = await context.reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, roleIds));
  const lacking = await context.notHeld(organizationId, given);
  if (lacking.length === 0) return;
  context.fail(NotHeld, ...lacking.slice(0, detailsMax).map((permission) => ({ field: "roleIds", rule: "held", permission })));
}

interface Locking {
  lockRolesForUse(ids: readonly string[]): Promise<readonly RoleSummary[]>;
}

/** The roles that a request names, locked for use. Refuses one that is not of this scope as one that does not exist. */
export async function rolesInScope(
  access: Locking,
  organizationId: string | null,
  roleIds: readonly string[],
  fail: (error: typeof RoleUnknown, ...details: ErrorDetail[]) => never,
): Promise<readonly RoleSummary[]> {
  const found = (await access.lockRolesForUse(roleIds)).filter((role) => role.organizationId === organizationId);
  const unknown = roleIds.filter((id) => !found.some((role) => role.id === id));
  if (unknown.length > 0) fail(RoleUnknown, ...unknown.map((id) => ({ field: "roleIds", role: id })));
  return found;
}
