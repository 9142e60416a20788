import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ClientNotFound } from "./errors.ts";
import type { Reads } from "./store.ts";

/** The tenant of an operation on a client: its organization, or the internal scope. */
export const tenantOfClient = tenantOfRow((store: Reads, id) => store.clientById(id), "clientId", ClientNotFound);
