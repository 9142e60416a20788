import { everyTenant, internalScope, type Scope, tenantScope, userScope } from "#platform/database/database.ts";
import type { Caller } from "../caller.ts";
import type { Operation } from "../operation.ts";

/** What a call may see: rows of its tenant and of the caller, or of every tenant where the operation declares that it must. */
export function scopeOf({ everyTenant: why }: Operation, tenant: string | null | undefined, caller: Caller): Scope {
  return why === undefined ? scopeIn(tenant, caller) : everyTenant;
}

/** Rows of `tenant` (null: the internal scope) and of the caller. */
export function scopeIn(tenant: string | null | undefined, caller: Caller): Scope {
  const user = caller.kind === "user" ? caller.userId : undefined;
  if (typeof tenant === "string") return tenantScope(tenant, user);
  if (tenant === null) return internalScope;
  return user === undefined ? { tenant: "none" } : userScope(user);
}
