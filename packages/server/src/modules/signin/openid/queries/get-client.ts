import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ClientNotFound } from "../errors.ts";
import { Client } from "../model.ts";
import { openid } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfClient } from "../tenant-of-client.ts";

/** Returns a client, without its secrets. */
export const getClient = openid.query("getClient", {
  http: "GET /api/v1/clients/:clientId",
  summary: "One OAuth client, without its secrets.",
  allow: scoped({ tenant: "Organization.ReadClients", internal: "Client.Read" }),
  absent: ClientNotFound,
  versioned: true,
  input: Type.Object({ clientId: Uuid }),
  output: Client,
  errors: [ClientNotFound],
  tenant: tenantOfClient,
  run: async ({ store, fail, now }, { clientId }) => representOne(store, (await store.clientById(clientId)) ?? fail(ClientNotFound), now),
});
