import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ServiceAccountNotFound } from "./errors.ts";
import type { ServiceAccountReads } from "./store.ts";

/** The tenant of an operation on a service account: the scope of the account. */
export const tenantOfServiceAccount = tenantOfRow(
  (store: ServiceAccountReads, id) => store.serviceAccountById(id),
  "serviceAccountId",
  ServiceAccountNotFound,
);
