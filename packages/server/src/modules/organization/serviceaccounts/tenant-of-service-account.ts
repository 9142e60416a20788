import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ServiceAccountNotFound } from "./errors.ts";
import type { ServiceAccountReads } from "./store.ts";

/** A call about a service account acts in the scope of the account. */
export const tenantOfServiceAccount = tenantOfRow(
  (store: ServiceAccountReads, id) => store.serviceAccountById(id),
  "serviceAccountId",
  ServiceAccountNotFound,
);
