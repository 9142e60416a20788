import { OrganizationStatus } from "#modules/organization/tenancy/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { EntitlementValues } from "../model.ts";
import { entitlements } from "../module.ts";

/** The stored status and subscription of organizations, sorted by id. Used by the reconciliation. */
export const listSubscriptions = entitlements.query("listSubscriptions", {
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
    const subscriptions = await store.subscriptions(organizations.map(({ id }) => id));
    return {
      items: organizations.map(({ id, status }) => ({
        organizationId: id,
        status,
        plan: subscriptions.get(id)?.plan ?? null,
        entitlements: subscriptions.get(id)?.entitlements ?? null,
      })),
    };
  },
});
