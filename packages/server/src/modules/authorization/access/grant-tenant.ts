import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { GrantNotFound } from "./errors.ts";
import type { AccessReads } from "./store.ts";

/** A call about a grant acts in the scope of the grant. */
export const tenantOfGrant = tenantOfRow((store: AccessReads, id) => store.grantById(id), "grantId", GrantNotFound);
