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
 * Creates an API key of the caller or of a service account, for one organization or the internal scope. The owner `organization` creates a
 * service account with the key. Only this answer has the secret.
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
    const requested = await authorizeOwner(context, organizationId, input);
    await context.requireHeld(organizationId, input.scopes, { error: ScopeNotHeld, field: "scopes" });
    return { organizationId, requested };
  },
  async run(context, input, { organizationId, requested }) {
    const { store, principal, emit, now, services } = context;
    const { name, scopes, allowedNetworks = null, rateLimit = null, operationRateLimits = null, expiresAt } = input;
    const settings = settingsColumns({ name, allowedNetworks, rateLimit, operationRateLimits }, services);
    const expiry = expiresAt ? new Date(expiresAt) : null;
    if (expiry !== null && expiry <= now) throw invalid({ field: "expiresAt", rule: "future", message: "is not in the future" });
    const owner = await resolveOwner(context, organizationId, { name, requested });
    const { key, row } = await makeApiKey(
      { store, emit, now, principal, keysMax: services.settings.quotas.apiKeys },
      { organization_id: organizationId, owner_kind: owner.kind, owner_id: owner.id, scopes, expires_at: expiry, ...settings },
    );
    return { ...toApiKey(row, now), key };
  },
});
