import { internal } from "#operation/declaration/authorization.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { tenancy } from "../module.ts";

/** Far more than run at a time: each takes minutes at most. */
const erasuresMax = 1_000;

/** The unfinished erasures with their progress, oldest first. */
export const listErasures = tenancy.query("listErasures", {
  http: "GET /api/v1/iam/organization-erasures",
  summary: "List the organizations that are being erased, with their progress.",
  allow: internal("Tenant.Read"),
  everyTenant: "an organization that is being erased has no tenant scope any more",
  input: Type.Object({}),
  output: Type.Object({
    items: Type.Array(
      Type.Object({
        organizationId: Uuid,
        startedAt: Timestamp,
        /** When the last batch was committed; null before the first. */
        lastBatchAt: nullable(Timestamp),
        membersTotal: Type.Integer(),
        membersRemoved: Type.Integer(),
      }),
      { maxItems: erasuresMax },
    ),
  }),
  async run({ store }) {
    const rows = await store.erasures(erasuresMax);
    return {
      items: rows.map((row) => ({
        organizationId: row.id,
        startedAt: row.erased_at.toISOString(),
        lastBatchAt: row.moved_at?.toISOString() ?? null,
        membersTotal: row.members_total,
        membersRemoved: row.members_removed,
      })),
    };
  },
});
