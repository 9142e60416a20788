import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { GrantNotFound } from "./errors.ts";
import type { AccessReads } from "./store.ts";

/** The tenant of a call about a grant: the grant's own. */
export const tenantOfGrant = tenantOfRow((store: AccessReads, id) => store.grantById(id), "grantId", GrantNotFound);
