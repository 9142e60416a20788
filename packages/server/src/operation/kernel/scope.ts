import { everyTenant, internalScope, type Scope, tenantScope, userScope } from "#platform/database/database.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Principal } from "../declaration/principal.ts";

/** The row-level security scope of a call: its tenant and the caller, or every tenant where the operation declares it. */
export function scopeOf({ everyTenant: why }: Operation, tenant: string | null | undefined, principal: Principal): Scope {
  return why === undefined ? scopeIn(tenant, principal) : everyTenant;
}

/** Rows of `tenant` (null: the internal scope) and of the caller. Only users own rows: profile, sessions, memberships. */
export function scopeIn(tenant: string | null | undefined, principal: Principal): Scope {
  const user = principal.kind === "user" ? principal.id : undefined;
  if (typeof tenant === "string") return tenantScope(tenant, user);
  if (tenant === null) return internalScope;
  return user === undefined ? { tenant: "none" } : userScope(user);
}
