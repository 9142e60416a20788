import { isIdentified, isUser, type Principal } from "#operation/declaration/principal.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";

interface QueryCaller {
  readonly principal: Principal;
  holds(organizationId: string | null, value: string): MaybePromise<boolean>;
}

/**
 * Whether the caller may ask about a user in a tenant, or about everybody there: about themselves everybody may, about others the
 * holders of `Authorization.Check` in the internal scope may, and of `Organization.CheckAccess` in the tenant. Whoever asks is believed
 * what they say of the resource and the request; who asks about themselves deceives nobody else.
 */
export function mayQuery({ principal, holds }: QueryCaller, userId: string | undefined, tenantId: string | null): MaybePromise<boolean> {
  if (!isIdentified(principal)) return principal.kind !== "anonymous";
  if (isUser(principal, userId)) return true;
  return after(holds(null, "Authorization.Check"), (may) => may || (tenantId !== null && holds(tenantId, "Organization.CheckAccess")));
}

/** What is told to whoever may not. The same for every user and tenant, there or not. */
export const queryPermissionMissing = { field: "subject", rule: "permission", permission: "Authorization.Check" } as const;
