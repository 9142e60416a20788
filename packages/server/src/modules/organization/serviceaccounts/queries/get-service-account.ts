import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ServiceAccountNotFound } from "../errors.ts";
import { ServiceAccount } from "../model.ts";
import { serviceaccounts } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfServiceAccount } from "../tenant-of-service-account.ts";

/** Returns a service account with its roles. */
export const getServiceAccount = serviceaccounts.query("getServiceAccount", {
  http: "GET /api/v1/service-accounts/:serviceAccountId",
  summary: "One service account.",
  allow: scoped({ tenant: "Organization.ReadServiceAccounts", internal: "ServiceAccount.Read" }),
  absent: ServiceAccountNotFound,
  versioned: true,
  input: Type.Object({ serviceAccountId: Uuid }),
  output: ServiceAccount,
  errors: [ServiceAccountNotFound],
  tenant: tenantOfServiceAccount,
  run: async ({ store, uses, fail }, { serviceAccountId }) =>
    representOne(uses.access, (await store.serviceAccountById(serviceAccountId)) ?? fail(ServiceAccountNotFound)),
});
