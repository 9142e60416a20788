import { v7 as uuid } from "uuid";
import type { access } from "#modules/authorization/access/index.ts";
import { OperationError } from "#operation/declaration/errors.ts";
import type { ApisOf, Emit } from "#operation/declaration/module.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { ServiceAccountNameTaken } from "./errors.ts";
import { ServiceAccountCreated } from "./events.ts";
import type { NewServiceAccount } from "./model.ts";
import type { ServiceAccountRow, serviceAccountStore } from "./store.ts";

/** Declared here, because the module's own API creates accounts too: this type cannot depend on the module's. */
interface CreationContext {
  readonly store: ReturnType<typeof serviceAccountStore.reads> & ReturnType<typeof serviceAccountStore.writes>;
  readonly uses: ApisOf<{ readonly access: typeof access }>;
  readonly state: { readonly accountsMax: number };
  readonly emit: Emit;
  readonly now: Date;
}

/**
 * Creates a service account with roles of its scope, after the caller's delegation check and with the roles locked for use. Throws
 * {@link ServiceAccountNameTaken} and `QuotaExceeded`.
 */
export async function makeServiceAccount(
  { store, uses, state, emit, now }: CreationContext,
  { organizationId, name, description, roleIds, createdBy }: NewServiceAccount,
): Promise<ServiceAccountRow> {
  if (organizationId !== null)
    requireWithinQuota("serviceAccounts", (await store.serviceAccountsForQuota(organizationId)) + 1, state.accountsMax);
  const row = await store
    .insertServiceAccount({
      id: uuid(),
      organization_id: organizationId,
      name,
      description,
      status: "Active",
      created_by: createdBy,
      created_at: now,
      updated_at: now,
    })
    .catch(failTaken);
  await uses.access.setServiceStatus(row.id, organizationId, row.status);
  await uses.access.assignToService(row.id, organizationId, roleIds);
  emit(ServiceAccountCreated, { serviceAccountId: row.id, organizationId, name, status: row.status, roleIds: [...roleIds] });
  return row;
}

/** Translates a violated unique index of names into {@link ServiceAccountNameTaken}. Rethrows every other error. */
export function failTaken(error: unknown): never {
  const index = violatedUnique(error);
  if (index !== undefined) throw new OperationError(ServiceAccountNameTaken, [{ field: "name", ...takenRule(index) }]);
  throw error;
}
