import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { GrantNotFound } from "../errors.ts";
import { toGrant } from "../grant-store.ts";
import { tenantOfGrant } from "../grant-tenant.ts";
import { Grant } from "../model.ts";
import { access } from "../module.ts";

/** Returns one grant. */
export const getGrant = access.query("getGrant", {
  http: "GET /api/v1/iam/grants/:grantId",
  summary: "One grant.",
  allow: scoped({ tenant: "Organization.ReadGrants", internal: "InternalRole.Read" }),
  absent: GrantNotFound,
  versioned: true,
  input: Type.Object({ grantId: Uuid }),
  output: Grant,
  errors: [GrantNotFound],
  tenant: tenantOfGrant,
  run: async ({ store, fail, now }, { grantId }) => toGrant((await store.grantById(grantId)) ?? fail(GrantNotFound), now),
});
