import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { entitlements } from "../module.ts";

/** Organizations whose deletion is due, longest due first, with the counts that limit a mass deletion. */
export const listDueDeletions = entitlements.query("listDueDeletions", {
  summary: "List organizations whose deletion by billing is due.",
  allow: operatorOnly(),
  everyTenant: "deletions are counted over every organization",
  input: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 200 }), erasedWithinHours: Type.Integer({ minimum: 1 }) }),
  output: Type.Object({
    organizationIds: Type.Array(Uuid),
    /** The existing organizations, and those erased within those hours. */
    present: Type.Integer(),
    erased: Type.Integer(),
  }),
  async run({ store, uses }, { limit, erasedWithinHours }) {
    const organizationIds = await store.dueDeletions(limit);
    return { organizationIds, ...(await uses.tenancy.organizationCounts(erasedWithinHours)) };
  },
});
