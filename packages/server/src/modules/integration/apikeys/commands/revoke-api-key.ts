import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AlreadyRevoked, ApiKeyNotFound } from "../errors.ts";
import { ApiKeyRevoked, keyEventData } from "../events.ts";
import { ApiKey } from "../model.ts";
import { apikeys } from "../module.ts";
import { ownerOfKey, ownOrManaged, tenantOfKey } from "../own-or-managed.ts";
import { toApiKey } from "../represent.ts";

/** Revokes a key. Every process refuses it within the revocation bound. */
export const revokeApiKey = apikeys.command("revokeApiKey", {
  http: "POST /api/v1/api-keys/:apiKeyId/revoke",
  summary: "Revoke an API key.",
  allow: ownOrManaged,
  audit: { action: "ApiKey.Revoked", category: "Security", severity: "Warning", entity: "ApiKey" },
  absent: ApiKeyNotFound,
  input: Type.Object({ apiKeyId: Uuid }),
  output: ApiKey,
  errors: [ApiKeyNotFound, AlreadyRevoked],
  tenant: tenantOfKey,
  ownerOf: ownerOfKey,
  async run({ store, emit, fail, now }, { apiKeyId }) {
    const row = (await store.revoke(apiKeyId, "revoked", now)) ?? fail((await store.byId(apiKeyId)) ? AlreadyRevoked : ApiKeyNotFound);
    emit(ApiKeyRevoked, { ...keyEventData(row), reason: "revoked" });
    return toApiKey(row, now);
  },
});
