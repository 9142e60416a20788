import type { PrepareContext } from "#operation/declaration/context.ts";
import { isIdentified, isSelf } from "#operation/declaration/principal.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";

type QueryCaller = Pick<PrepareContext<unknown, unknown, unknown, never, unknown>, "principal" | "holds">;

/**
 * Whether the caller may query decisions about a user or service account in a tenant, or about all of them there. Callers may query about
 * themselves. Others need `Authorization.Check` in the internal scope or `Organization.CheckAccess` in the tenant: resource and request
 * data of a query are trusted.
 */
export function mayQuery({ principal, holds }: QueryCaller, userId: string | undefined, tenantId: string | null): MaybePromise<boolean> {
  if (!isIdentified(principal)) return principal.kind !== "anonymous";
  if (isSelf(principal, userId)) return true;
  return after(holds(null, "Authorization.Check"), (may) => may || (tenantId !== null && holds(tenantId, "Organization.CheckAccess")));
}

/** The error detail for a caller who may not query. It is the same for every user and tenant, so it does not reveal which exist. */
export const queryPermissionMissing = { field: "subject", rule: "permission", permission: "Authorization.Check" } as const;
