import { Page, Paging, TimeRangeEnd, TimeRangeStart, Type, Uuid } from "#operation/declaration/schema.ts";
import { ApiKeyNotFound } from "../errors.ts";
import { apikeys } from "../module.ts";
import { ownerOfKey, ownOrReadable, tenantOfKey } from "../own-or-managed.ts";
import { UsageItem } from "../usage.ts";

const dayMs = 86_400_000;
const daysDefault = 30;

/** Calls of a key by day, operation and status. Calls of the last seconds are not included yet. */
export const getApiKeyUsage = apikeys.query("getApiKeyUsage", {
  http: "GET /api/v1/api-keys/:apiKeyId/usage",
  summary: "Read the usage of an API key by day, operation and status.",
  allow: ownOrReadable,
  absent: ApiKeyNotFound,
  input: Type.Object({ apiKeyId: Uuid, from: Type.Optional(TimeRangeStart), to: Type.Optional(TimeRangeEnd), ...Paging }),
  output: Page(UsageItem),
  errors: [ApiKeyNotFound],
  tenant: tenantOfKey,
  ownerOf: ownerOfKey,
  async run({ store, page, fail, now }, { apiKeyId, from: givenFrom, to: givenTo, ...paging }) {
    const row = (await store.byId(apiKeyId)) ?? fail(ApiKeyNotFound);
    const to = givenTo === undefined ? new Date(now.getTime() + 1) : new Date(givenTo);
    const from = givenFrom === undefined ? new Date(to.getTime() - daysDefault * dayMs) : new Date(givenFrom);
    const request = page(paging);
    const about = { keyId: row.id, organizationId: row.organization_id, from, to };
    const found = await store.usage({ ...about, after: request.after, limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, ({ day, operation, status }) => [day, operation, String(status)]);
    return { items: [...rows], nextCursor };
  },
});
