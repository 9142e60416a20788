import { everyTenant, internalScope, type Scope, tenantScope, userScope } from "#platform/database/database.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Principal } from "../declaration/principal.ts";

/** What a call may see: rows of its tenant and of the caller, or of every tenant where the operation declares that it must. */
export function scopeOf({ everyTenant: why }: Operation, tenant: string | null | undefined, principal: Principal): Scope {
  return why === undefined ? scopeIn(tenant, principal) : everyTenant;
}

/** Rows of `tenant` (null: the internal scope) and of the caller. Only a user has rows of their own: profile, sessions, memberships. */
export function scopeIn(tenant: string | null | undefined, principal: Principal): Scope {
  const user = principal.kind === "user" ? principal.id : undefined;
  if (typeof tenant === "string") return tenantScope(tenant, user);
  if (tenant === null) return internalScope;
  return user === undefined ? { tenant: "none" } : userScope(user);
}
