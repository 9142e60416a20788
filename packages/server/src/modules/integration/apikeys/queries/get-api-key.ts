import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ApiKeyNotFound } from "../errors.ts";
import { ApiKey } from "../model.ts";
import { apikeys } from "../module.ts";
import { ownerOfKey, ownOrReadable, tenantOfKey } from "../own-or-managed.ts";
import { toApiKey } from "../represent.ts";

export const getApiKey = apikeys.query("getApiKey", {
  http: "GET /api/v1/api-keys/:apiKeyId",
  summary: "Read an API key, without its secret.",
  allow: ownOrReadable,
  absent: ApiKeyNotFound,
  versioned: true,
  input: Type.Object({ apiKeyId: Uuid }),
  output: ApiKey,
  errors: [ApiKeyNotFound],
  tenant: tenantOfKey,
  ownerOf: ownerOfKey,
  async run({ store, fail, now }, { apiKeyId }) {
    return toApiKey((await store.byId(apiKeyId)) ?? fail(ApiKeyNotFound), now);
  },
});
