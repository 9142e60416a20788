import { scoped } from "#operation/declaration/authorization.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { authorityErrors, authorityOf, requireAuthorityHeld, requireUnchanged } from "../client-authority.ts";
import { settingsColumns } from "../client-settings.ts";
import { isDevelopment } from "../client-uris.ts";
import { ClientNotFound } from "../errors.ts";
import { ClientUpdated, clientSettingsEventData } from "../events.ts";
import { Client, type ClientSettings, ClientStatus, OptionalSettings, usesSecret } from "../model.ts";
import { openid } from "../module.ts";
import { representOne, settingsOf } from "../represent.ts";
import type { ClientRow } from "../store/clients.ts";
import { tenantOfClient } from "../tenant-of-client.ts";

/**
 * Changes the settings or the status of a client. Its kind, organization and service account cannot change. A suspension needs no delegation
 * check. A client that changes to `private_key_jwt` loses its secrets.
 */
export const updateClient = openid.command("updateClient", {
  http: "PATCH /api/v1/clients/:clientId",
  summary: "Update an OAuth client: its settings or its status.",
  allow: scoped({ tenant: "Organization.ManageClients", internal: "Client.Manage" }),
  audit: { action: "Client.Updated", category: "Security", severity: "Warning", entity: "Client" },
  absent: ClientNotFound,
  versioned: true,
  input: Type.Object({ clientId: Uuid, ...OptionalSettings, status: Type.Optional(ClientStatus) }, { minProperties: 2 }),
  output: Client,
  errors: [ClientNotFound, ...authorityErrors],
  tenant: tenantOfClient,
  async prepare(context, { clientId, ...changes }) {
    if (onlySuspends(changes)) return undefined;
    const row = (await context.reading((store) => store.clientById(clientId))) ?? context.fail(ClientNotFound);
    const authority = await authorityOf(context, row);
    // Also the scopes that it has: otherwise a principal with fewer permissions could redirect its tokens.
    const scopes = [...new Set([...authority.scopes, ...(changes.scopes ?? [])])];
    return requireAuthorityHeld(context, { ...authority, scopes });
  },
  async run(context, { clientId, status, ...changes }, checked) {
    const { store, emit, fail, audit, expectVersion, now } = context;
    const row = (await store.lockClient(clientId)) ?? fail(ClientNotFound);
    expectVersion(row.version);
    const { organization_id: organizationId, service_account_id: serviceAccountId } = row;
    if (checked !== undefined) await requireUnchanged(context, { organizationId, scopes: row.scopes, serviceAccountId }, checked);
    const before = await representOne(store, row, now);
    const updated = await write(context, row, before, { status: status ?? row.status, changes });
    if (usesSecret(row.token_endpoint_auth_method) && !usesSecret(updated.token_endpoint_auth_method)) await store.deleteSecrets(row.id);
    const after = await representOne(store, updated, now);
    audit({ before: { ...settingsOf(before), status: before.status }, after: { ...settingsOf(after), status: after.status } });
    emit(ClientUpdated, clientSettingsEventData(updated));
    return after;
  },
});

const onlySuspends = ({ status, ...others }: Readonly<Record<string, unknown>>): boolean =>
  status === "Suspended" && Object.keys(others).length === 0;

interface Change {
  readonly status: ClientStatus;
  readonly changes: Partial<ClientSettings>;
}

/** Checks settings only where they change, so that a client with settings of an earlier release can be suspended. */
function write(
  { store, now, services }: CommandContextOf<typeof openid>,
  row: ClientRow,
  before: ClientSettings,
  { status, changes }: Change,
): Promise<ClientRow> {
  if (Object.keys(changes).length === 0) return store.setClientStatus(row.id, status, now);
  const settings = { ...settingsOf(before), ...changes };
  const development = isDevelopment(services.settings.publicUrl);
  const columns = settingsColumns({ kind: row.kind, organizationId: row.organization_id }, settings, { development });
  return store.updateClient(row.id, { ...columns, status }, now);
}
