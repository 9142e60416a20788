import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import { byInput, scoped, signedIn } from "#operation/declaration/authorization.ts";
import { invalid, QuotaExceeded } from "#operation/declaration/errors.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { ScopeNotHeld } from "../errors.ts";
import { authorizeOwner, OwnerInput, ownerErrors, resolveOwner } from "../key-owner.ts";
import { settingsColumns } from "../key-settings.ts";
import { makeApiKey } from "../make-api-key.ts";
import { KeySettings, NewApiKey, Scopes } from "../model.ts";
import { apikeys } from "../module.ts";
import { toApiKey } from "../represent.ts";

const managed = scoped({ tenant: "Organization.ManageApiKeys", internal: "ApiKey.Manage" });

/**
 * Makes an API key for one organization or the internal scope: the caller's own, or a service account's. A key of an organization is one of
 * a service account that is made with it. The answer shows the key once.
 */
export const createApiKey = apikeys.command("createApiKey", {
  http: "POST /api/v1/api-keys",
  summary: "Create an API key.",
  allow: byInput("owner", { service: managed, organization: managed }, signedIn()),
  audit: { action: "ApiKey.Created", category: "Security", severity: "Warning", entity: "ApiKey" },
  absent: OrganizationNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    ...OwnerInput,
    name: KeySettings.name,
    scopes: Scopes,
    allowedNetworks: Type.Optional(KeySettings.allowedNetworks),
    rateLimit: Type.Optional(KeySettings.rateLimit),
    operationRateLimits: Type.Optional(KeySettings.operationRateLimits),
    expiresAt: Type.Optional(nullable(Timestamp)),
  }),
  output: NewApiKey,
  errors: [...ownerErrors, ScopeNotHeld, QuotaExceeded],
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  async prepare(context, input) {
    const organizationId = input.organizationId ?? organizationOf(context.principal);
    const wanted = await authorizeOwner(context, organizationId, input);
    await context.requireHeld(organizationId, input.scopes, { error: ScopeNotHeld, field: "scopes" });
    return { organizationId, wanted };
  },
  async run(context, input, { organizationId, wanted }) {
    const { store, principal, emit, now, services } = context;
    const { name, scopes, allowedNetworks = null, rateLimit = null, operationRateLimits = null, expiresAt } = input;
    const settings = settingsColumns({ name, allowedNetworks, rateLimit, operationRateLimits }, services);
    const expires = expiresAt ? new Date(expiresAt) : null;
    if (expires !== null && expires <= now) throw invalid({ field: "expiresAt", rule: "future", message: "is not in the future" });
    const owner = await resolveOwner(context, organizationId, { name, wanted });
    const { key, row } = await makeApiKey(
      { store, emit, now, principal, keysMax: services.settings.quotas.apiKeys },
      { organization_id: organizationId, owner_kind: owner.kind, owner_id: owner.id, scopes, expires_at: expires, ...settings },
    );
    return { ...toApiKey(row, now), key };
  },
});
