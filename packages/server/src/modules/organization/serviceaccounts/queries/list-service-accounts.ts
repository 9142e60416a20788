import { scoped } from "#operation/declaration/authorization.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { ServiceAccountNotFound } from "../errors.ts";
import { ServiceAccount } from "../model.ts";
import { serviceaccounts } from "../module.ts";
import { represent } from "../represent.ts";

/** Lists the service accounts of an organization, or of the credential's scope, oldest first. */
export const listServiceAccounts = serviceaccounts.query("listServiceAccounts", {
  http: "GET /api/v1/service-accounts",
  summary: "List the service accounts of an organization or of the internal scope.",
  allow: scoped({ tenant: "Organization.ReadServiceAccounts", internal: "ServiceAccount.Read" }),
  absent: ServiceAccountNotFound,
  input: Type.Object({ organizationId: Type.Optional(Uuid), ...Paging }),
  output: Page(ServiceAccount),
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  async run({ store, uses, page, principal }, input) {
    const request = page(input);
    const organizationId = input.organizationId ?? organizationOf(principal);
    const found = await store.serviceAccountPage(organizationId, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: await represent(uses.access, organizationId, rows), nextCursor };
  },
});
