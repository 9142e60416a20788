import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { RoleNotFound } from "./errors.ts";
import type { AccessReads } from "./store.ts";

/** A call about a role acts in the scope of the role. */
export const tenantOfRole = tenantOfRow((store: AccessReads, id) => store.roleById(id), "roleId", RoleNotFound);
