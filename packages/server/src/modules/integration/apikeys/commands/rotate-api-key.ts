import { PermissionDenied, QuotaExceeded } from "#operation/declaration/errors.ts";
import { isUser } from "#operation/declaration/principal.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AlreadyRotated, ApiKeyNotFound, KeyNotActive, NotTheOwner, ScopeNotHeld } from "../errors.ts";
import { ApiKeyRotated, keyEventData } from "../events.ts";
import { makeApiKey } from "../make-api-key.ts";
import { NewApiKey } from "../model.ts";
import { apikeys } from "../module.ts";
import { ownerOfKey, ownOrManaged, tenantOfKey } from "../own-or-managed.ts";
import { statusAt, toApiKey } from "../represent.ts";

/** A week is enough to replace the old key wherever it is used. */
const overlapSecondsMax = 7 * 86_400;
const overlapSecondsDefault = 3_600;

/**
 * Creates a successor of a key, with the same settings, scopes and lifetime. The old key is valid until the overlap ends. Both share their rate
 * limits. The answer has the new secret, so only the user can rotate their own key.
 */
export const rotateApiKey = apikeys.command("rotateApiKey", {
  http: "POST /api/v1/api-keys/:apiKeyId/rotate",
  summary: "Replace an API key with a new one; the old one remains valid for an overlap.",
  allow: ownOrManaged,
  audit: { action: "ApiKey.Rotated", category: "Security", severity: "Warning", entity: "ApiKey" },
  absent: ApiKeyNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    apiKeyId: Uuid,
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: overlapSecondsMax,
        default: overlapSecondsDefault,
        description: "How long the old key remains valid.",
      }),
    ),
  }),
  output: NewApiKey,
  errors: [ApiKeyNotFound, NotTheOwner, ScopeNotHeld, KeyNotActive, AlreadyRotated, QuotaExceeded, PermissionDenied],
  tenant: tenantOfKey,
  ownerOf: ownerOfKey,
  async prepare(context, { apiKeyId }) {
    const row = (await context.reading((store) => store.byId(apiKeyId))) ?? context.fail(ApiKeyNotFound);
    if (row.owner_kind === "user") {
      if (!isUser(context.principal, row.owner_id)) context.fail(NotTheOwner);
      return;
    }
    await context.requireHeld(row.organization_id, row.scopes, { error: ScopeNotHeld, field: "scopes" });
  },
  async run({ store, emit, fail, audit, now, principal, services }, { apiKeyId, overlapSeconds = overlapSecondsDefault }) {
    const old = (await store.lock(apiKeyId)) ?? fail(ApiKeyNotFound);
    if (statusAt(old, now) !== "active") fail(KeyNotActive);
    if (old.successor_id !== null) fail(AlreadyRotated);
    const lifetimeMs = old.expires_at === null ? undefined : old.expires_at.getTime() - old.created_at.getTime();
    const { key, row } = await makeApiKey(
      { store, emit, now, principal, keysMax: services.settings.quotas.apiKeys },
      {
        organization_id: old.organization_id,
        owner_kind: old.owner_kind,
        owner_id: old.owner_id,
        name: old.name,
        scopes: old.scopes,
        allowed_networks: old.allowed_networks,
        rate_limit: old.rate_limit,
        operation_rate_limits: old.operation_rate_limits,
        family_id: old.family_id,
        expires_at: lifetimeMs === undefined ? null : new Date(now.getTime() + lifetimeMs),
      },
    );
    const until = new Date(now.getTime() + overlapSeconds * 1_000);
    const replaced = (await store.replace(old.id, row.id, until, now)) ?? fail(AlreadyRotated);
    const expiresAt = (replaced.expires_at as Date).toISOString();
    audit({ before: { expiresAt: old.expires_at?.toISOString() ?? null }, after: { successorId: row.id, expiresAt } });
    emit(ApiKeyRotated, { ...keyEventData(replaced), successorId: row.id, expiresAt });
    return { ...toApiKey(row, now), key };
  },
});
