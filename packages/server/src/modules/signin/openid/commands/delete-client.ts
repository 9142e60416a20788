import { scoped } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { ClientNotFound } from "../errors.ts";
import { ClientDeleted, clientEventData } from "../events.ts";
import { openid } from "../module.ts";
import { representOne, settingsOf } from "../represent.ts";
import { tenantOfClient } from "../tenant-of-client.ts";

/** Deletes a client with its secrets. It needs no delegation check, so that every administrator can end a client. */
export const deleteClient = openid.command("deleteClient", {
  http: "DELETE /api/v1/clients/:clientId",
  summary: "Delete an OAuth client.",
  allow: scoped({ tenant: "Organization.ManageClients", internal: "Client.Manage" }),
  audit: { action: "Client.Deleted", category: "Security", severity: "Warning", entity: "Client" },
  absent: ClientNotFound,
  versioned: true,
  input: Type.Object({ clientId: Uuid }),
  output: Nothing,
  errors: [ClientNotFound],
  tenant: tenantOfClient,
  async run({ store, emit, fail, audit, expectVersion, now }, { clientId }) {
    const row = (await store.lockClient(clientId)) ?? fail(ClientNotFound);
    expectVersion(row.version);
    const { status, ...client } = await representOne(store, row, now);
    audit({ before: { kind: row.kind, ...settingsOf(client), status }, after: null });
    await store.deleteClient(row.id);
    emit(ClientDeleted, clientEventData(row));
    return null;
  },
});
