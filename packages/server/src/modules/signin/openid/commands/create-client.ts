import { v7 as uuid } from "uuid";
import { scoped } from "#operation/declaration/authorization.ts";
import { invalid, QuotaExceeded } from "#operation/declaration/errors.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { authorityErrors, requireAuthorityHeld, requireUnchanged } from "../client-authority.ts";
import { settingsColumns } from "../client-settings.ts";
import { isDevelopment } from "../client-uris.ts";
import { ClientNotFound } from "../errors.ts";
import { ClientCreated, clientSettingsEventData } from "../events.ts";
import { makeClientSecret } from "../make-client-secret.ts";
import { ClientKind, ClientSettings, ClientWithSecret, defaultSettings, OptionalSettings, usesSecret } from "../model.ts";
import { openid } from "../module.ts";
import { settingsOf, toClient } from "../represent.ts";

/** Creates a client of an organization, or a global one (null). Only this answer has the secret of a client that uses one. */
export const createClient = openid.command("createClient", {
  http: "POST /api/v1/clients",
  summary: "Create an OAuth client.",
  allow: scoped({ tenant: "Organization.ManageClients", internal: "Client.Manage" }),
  audit: { action: "Client.Created", category: "Security", severity: "Warning", entity: "Client" },
  absent: ClientNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    organizationId: nullable(Uuid),
    kind: ClientKind,
    serviceAccountId: Type.Optional(Uuid),
    ...OptionalSettings,
    name: ClientSettings.name,
    scopes: ClientSettings.scopes,
  }),
  output: ClientWithSecret,
  errors: [...authorityErrors, QuotaExceeded],
  async prepare(context, { organizationId, kind, scopes, serviceAccountId: given }) {
    const serviceAccountId = serviceAccountOf(kind, given);
    const authority = { organizationId, scopes, serviceAccountId };
    return { authority, checked: await requireAuthorityHeld(context, authority) };
  },
  async run(context, { organizationId, kind, serviceAccountId: _, ...given }, { authority, checked }) {
    const { store, emit, audit, now, services } = context;
    const settings = { ...defaultSettings(kind), ...given };
    const columns = settingsColumns({ kind, organizationId }, settings, { development: isDevelopment(services.settings.publicUrl) });
    await requireUnchanged(context, authority, checked);
    if (organizationId !== null)
      requireWithinQuota("clients", (await store.clientsForQuota(organizationId)) + 1, services.settings.quotas.clients);
    const { serviceAccountId } = authority;
    const row = await store.insertClient({
      id: uuid(),
      organization_id: organizationId,
      kind,
      service_account_id: serviceAccountId,
      created_at: now,
      ...columns,
    });
    const made = usesSecret(settings.tokenEndpointAuthMethod) ? await makeClientSecret(store, row, now) : undefined;
    const client = toClient(row, made === undefined ? [] : [made.row]);
    audit({ before: null, after: { kind, serviceAccountId, ...settingsOf(client) } });
    emit(ClientCreated, clientSettingsEventData(row));
    return { ...client, clientSecret: made?.clientSecret ?? null };
  },
});

/** A service client names its service account, and no other client does. */
function serviceAccountOf(kind: ClientKind, serviceAccountId: string | undefined): string | null {
  const field = "serviceAccountId";
  if (kind === "service" && serviceAccountId === undefined)
    throw invalid({ field, rule: "required", message: "is required for a service client" });
  if (kind !== "service" && serviceAccountId !== undefined) throw invalid({ field, rule: "kind", message: "is only for a service client" });
  return serviceAccountId?.toLowerCase() ?? null;
}
