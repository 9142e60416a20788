import { scoped } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { ClientNotFound, ClientSecretNotFound } from "../errors.ts";
import { ClientSecretDeleted, clientEventData } from "../events.ts";
import { openid } from "../module.ts";
import { tenantOfClient } from "../tenant-of-client.ts";

/** Deletes a secret of a client, also the last one: the client cannot authenticate until it gets another. */
export const deleteClientSecret = openid.command("deleteClientSecret", {
  http: "DELETE /api/v1/clients/:clientId/secrets/:secretId",
  summary: "Delete a secret of an OAuth client.",
  allow: scoped({ tenant: "Organization.ManageClients", internal: "Client.Manage" }),
  audit: { action: "Client.SecretDeleted", category: "Security", severity: "Warning", entity: "Client" },
  absent: ClientNotFound,
  versioned: true,
  input: Type.Object({ clientId: Uuid, secretId: Uuid }),
  output: Nothing,
  errors: [ClientNotFound, ClientSecretNotFound],
  tenant: tenantOfClient,
  async run({ store, emit, fail, audit, expectVersion, now }, { clientId, secretId }) {
    const row = (await store.lockClient(clientId)) ?? fail(ClientNotFound);
    expectVersion(row.version);
    audit({ entity: { type: "Client", id: row.id }, before: { secretId }, after: null });
    const deleted = (await store.deleteSecret(row.id, secretId, now)) ?? fail(ClientSecretNotFound);
    await store.touchClient(row.id, now);
    emit(ClientSecretDeleted, { ...clientEventData(row), secretId: deleted.id });
    return null;
  },
});
