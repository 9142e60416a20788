import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { RoleNotFound } from "./errors.ts";
import type { AccessReads } from "./store.ts";

/** The tenant of a call about a role: the role's own. */
export const tenantOfRole = tenantOfRow((store: AccessReads, id) => store.roleById(id), "roleId", RoleNotFound);
