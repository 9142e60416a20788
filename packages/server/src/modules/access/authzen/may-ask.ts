import type { Caller } from "../../../operation/caller.ts";
import { after, type MaybePromise } from "../../../operation/maybe-promise.ts";
import { authorizerOf } from "../authorizer.ts";
import { asksElsewhere } from "../check.ts";
import type { AccessReader } from "../read-model/reader.ts";

/**
 * Whether the caller may ask about a user in a tenant, or about everybody there: about himself he may, about others the holders of
 * `Authorization.Check` in the internal scope may, and of `Organization.CheckAccess` in the tenant. Whoever asks is believed what he
 * says of the resource and the occasion; who asks about himself deceives nobody but himself.
 */
export function mayAsk(
  { state, caller }: { readonly state: AccessReader; readonly caller: Caller },
  userId: string | undefined,
  tenantId: string | null,
): MaybePromise<boolean> {
  if (caller.kind !== "user") return caller.kind !== "anonymous";
  if (caller.userId === userId) return true;
  const { holds } = authorizerOf(state);
  const inTenant = (): MaybePromise<boolean> =>
    tenantId === null || asksElsewhere(caller, tenantId)
      ? false
      : after(holds(caller.userId, tenantId, "Organization.CheckAccess"), (answer) => answer === true);
  if (caller.organizationId !== null) return inTenant();
  return after(holds(caller.userId, null, "Authorization.Check"), (answer) => answer === true || inTenant());
}

/** What is told to whoever may not. The same for every user and tenant, there or not. */
export const lacking = { field: "subject", rule: "permission", permission: "Authorization.Check" } as const;
