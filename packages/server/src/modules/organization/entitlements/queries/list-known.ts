import { OrganizationStatus } from "#modules/organization/tenancy/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { EntitlementValues } from "../model.ts";
import { entitlements } from "../module.ts";

/** What is known of organizations that billing knows, too, in the order of their ids: for the reconciliation. */
export const listKnown = entitlements.query("listKnown", {
  summary: "List organizations with their plans, for the reconciliation with billing.",
  allow: operatorOnly(),
  everyTenant: "the reconciliation serves every organization",
  input: Type.Object({ after: Type.Optional(Uuid), limit: Type.Integer({ minimum: 1, maximum: 200 }) }),
  output: Type.Object({
    items: Type.Array(
      Type.Object({
        organizationId: Uuid,
        status: OrganizationStatus,
        plan: nullable(Type.String()),
        entitlements: nullable(EntitlementValues),
      }),
    ),
  }),
  async run({ store, uses }, { after, limit }) {
    const organizations = await uses.tenancy.organizationsAfter(after, limit);
    const known = await store.subscriptions(organizations.map(({ id }) => id));
    return {
      items: organizations.map(({ id, status }) => ({
        organizationId: id,
        status,
        plan: known.get(id)?.plan ?? null,
        entitlements: known.get(id)?.entitlements ?? null,
      })),
    };
  },
});
