import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import { signedIn } from "#operation/declaration/authorization.ts";
import { invalid, QuotaExceeded } from "#operation/declaration/errors.ts";
import { isForeignTo, organizationOf } from "#operation/declaration/principal.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { ScopeNotHeld } from "../errors.ts";
import { settingsColumns } from "../key-settings.ts";
import { makeApiKey } from "../make-api-key.ts";
import { KeySettings, NewApiKey, Scopes } from "../model.ts";
import { apikeys } from "../module.ts";
import { toApiKey } from "../represent.ts";

/** Makes an API key of the caller, for one organization or the internal scope. The answer shows the key once. */
export const createApiKey = apikeys.command("createApiKey", {
  http: "POST /api/v1/api-keys",
  summary: "Create an API key.",
  allow: signedIn(),
  audit: { action: "ApiKey.Created", category: "Security", severity: "Warning", entity: "ApiKey" },
  absent: OrganizationNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    name: KeySettings.name,
    scopes: Scopes,
    allowedNetworks: Type.Optional(KeySettings.allowedNetworks),
    rateLimit: Type.Optional(KeySettings.rateLimit),
    operationRateLimits: Type.Optional(KeySettings.operationRateLimits),
    expiresAt: Type.Optional(nullable(Timestamp)),
  }),
  output: NewApiKey,
  errors: [OrganizationNotFound, ScopeNotHeld, QuotaExceeded],
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  async prepare(context, { organizationId: given, scopes }) {
    const { user, fail } = context;
    const organizationId = given ?? user.organizationId;
    // To a non-member the organization does not exist.
    if (isForeignTo(user, organizationId)) fail(OrganizationNotFound);
    if (organizationId !== null && !(await context.reading((_store, uses) => uses.tenancy.isMember(user.id, organizationId))))
      fail(OrganizationNotFound);
    await context.requireHeld(organizationId, scopes, { error: ScopeNotHeld, field: "scopes" });
    return organizationId;
  },
  async run({ store, uses, user, emit, fail, now, services }, input, organizationId) {
    const { name, scopes, allowedNetworks = null, rateLimit = null, operationRateLimits = null, expiresAt } = input;
    const expires = expiresAt ? new Date(expiresAt) : null;
    if (expires !== null && expires <= now) throw invalid({ field: "expiresAt", rule: "future", message: "is not in the future" });
    if (organizationId !== null && !(await uses.tenancy.isMember(user.id, organizationId))) fail(OrganizationNotFound);
    const { key, row } = await makeApiKey(
      { store, emit, now, principal: user, keysMax: services.settings.quotas.apiKeys },
      {
        organization_id: organizationId,
        owner_kind: "user",
        owner_id: user.id,
        scopes,
        expires_at: expires,
        ...settingsColumns({ name, allowedNetworks, rateLimit, operationRateLimits }, services),
      },
    );
    return { ...toApiKey(row, now), key };
  },
});
