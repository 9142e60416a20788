import { scoped } from "#operation/declaration/authorization.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { ClientNotFound } from "../errors.ts";
import { Client } from "../model.ts";
import { openid } from "../module.ts";
import { represent } from "../represent.ts";

/** Lists the clients of an organization, or of the credential's scope, oldest first. */
export const listClients = openid.query("listClients", {
  http: "GET /api/v1/clients",
  summary: "List the OAuth clients of an organization, or the global ones.",
  allow: scoped({ tenant: "Organization.ReadClients", internal: "Client.Read" }),
  absent: ClientNotFound,
  input: Type.Object({ organizationId: Type.Optional(Uuid), ...Paging }),
  output: Page(Client),
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  async run({ store, page, principal, now }, { organizationId, ...paging }) {
    const request = page(paging);
    const found = await store.clientPage({
      organizationId: organizationId ?? organizationOf(principal),
      after: request.after?.[0],
      limit: request.fetch,
    });
    const { rows, nextCursor } = request.cut(found, ({ id }) => [id]);
    return { items: await represent(store, rows, now), nextCursor };
  },
});
