import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { settingsColumns } from "../client-settings.ts";
import { isDevelopment } from "../client-uris.ts";
import { ClientCreated, clientSettingsEventData } from "../events.ts";
import { ClientSettings, defaultSettings } from "../model.ts";
import { openid } from "../module.ts";

/** Anyone can register a client, so there is a limit for the whole installation. Each row has a few kilobytes. */
const registeredMax = 10_000;

/**
 * Creates a client that an application has registered by itself (RFC 7591). It is public and global, users are always asked for their consent,
 * and it is deleted after 90 days (prune-registered-clients.ts).
 */
export const registerClient = openid.command("registerClient", {
  summary: "Create a client that an application registers by itself.",
  allow: operatorOnly(),
  audit: { action: "Client.Registered", category: "Security", severity: "Warning", entity: "Client" },
  everyTenant: "a registered client is for the users of every organization",
  input: Type.Object({ name: ClientSettings.name, redirectUris: ClientSettings.redirectUris, scopes: ClientSettings.scopes }),
  output: Type.Object({ id: Uuid, createdAt: Type.String() }),
  errors: [QuotaExceeded],
  async run({ store, emit, fail, audit, now, services }, given) {
    const columns = settingsColumns(
      { kind: "public", organizationId: null },
      { ...defaultSettings("public"), ...given },
      { development: isDevelopment(services.settings.publicUrl) },
    );
    if ((await store.countRegisteredClients()) >= registeredMax)
      fail(QuotaExceeded, { rule: "registered_clients", maximum: registeredMax });
    const row = await store.insertClient({
      id: uuid(),
      organization_id: null,
      kind: "public",
      service_account_id: null,
      self_registered: true,
      created_at: now,
      ...columns,
    });
    audit({ entity: { type: "Client", id: row.id }, before: null, after: { ...given } });
    emit(ClientCreated, clientSettingsEventData(row));
    return { id: row.id, createdAt: row.created_at.toISOString() };
  },
});
