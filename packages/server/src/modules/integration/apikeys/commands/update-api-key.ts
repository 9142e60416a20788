import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ApiKeyNotFound, KeyNotActive } from "../errors.ts";
import { ApiKeyUpdated, keyEventData } from "../events.ts";
import { settingsColumns } from "../key-settings.ts";
import { ApiKey, KeySettings } from "../model.ts";
import { apikeys } from "../module.ts";
import { ownerOfKey, ownOrManaged, tenantOfKey } from "../own-or-managed.ts";
import { statusAt, toApiKey } from "../represent.ts";

/** Changes the name, networks and rate limits of an active key. Its scopes cannot be changed. */
export const updateApiKey = apikeys.command("updateApiKey", {
  http: "PATCH /api/v1/api-keys/:apiKeyId",
  summary: "Change the name, networks or rate limits of an API key.",
  allow: ownOrManaged,
  audit: { action: "ApiKey.Updated", category: "Security", severity: "Warning", entity: "ApiKey" },
  absent: ApiKeyNotFound,
  versioned: true,
  input: Type.Object(
    {
      apiKeyId: Uuid,
      name: Type.Optional(KeySettings.name),
      allowedNetworks: Type.Optional(KeySettings.allowedNetworks),
      rateLimit: Type.Optional(KeySettings.rateLimit),
      operationRateLimits: Type.Optional(KeySettings.operationRateLimits),
    },
    { minProperties: 2 },
  ),
  output: ApiKey,
  errors: [ApiKeyNotFound, KeyNotActive],
  tenant: tenantOfKey,
  ownerOf: ownerOfKey,
  async run({ store, emit, fail, audit, expectVersion, now, services }, { apiKeyId, ...changes }) {
    const row = (await store.lock(apiKeyId)) ?? fail(ApiKeyNotFound);
    expectVersion(row.version);
    if (statusAt(row, now) !== "active") fail(KeyNotActive);
    const { name, allowedNetworks, rateLimit, operationRateLimits } = { ...toApiKey(row, now), ...changes };
    const updated = await store.update(row.id, settingsColumns({ name, allowedNetworks, rateLimit, operationRateLimits }, services), now);
    audit({ before: settingsOf(toApiKey(row, now)), after: settingsOf(toApiKey(updated, now)) });
    emit(ApiKeyUpdated, keyEventData(updated));
    return toApiKey(updated, now);
  },
});

const settingsOf = ({ name, allowedNetworks, rateLimit, operationRateLimits }: ApiKey) => ({
  name,
  allowedNetworks,
  rateLimit,
  operationRateLimits,
});
