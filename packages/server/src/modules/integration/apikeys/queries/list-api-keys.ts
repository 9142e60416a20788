import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import { byInput, scoped, signedIn } from "#operation/declaration/authorization.ts";
import { isForeignTo, organizationOf } from "#operation/declaration/principal.ts";
import { nullable, oneOf, Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { ApiKey, Prefix } from "../model.ts";
import { apikeys } from "../module.ts";
import { toApiKey } from "../represent.ts";

/** Keys of a scope in the order of their creation: the caller's own, or all of them. */
export const listApiKeys = apikeys.query("listApiKeys", {
  http: "GET /api/v1/api-keys",
  summary: "List API keys of an organization or of the internal scope, without their secrets.",
  allow: byInput("owner", { me: signedIn() }, scoped({ tenant: "Organization.ReadApiKeys", internal: "ApiKey.Read" })),
  absent: OrganizationNotFound,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    owner: Type.Optional(oneOf("me")),
    ownerId: Type.Optional(Uuid),
    prefix: Type.Optional(Prefix),
    ...Paging,
  }),
  output: Page(ApiKey),
  errors: [OrganizationNotFound],
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  async run(context, { organizationId: given, owner, ownerId: ofOwner, prefix, ...paging }) {
    const { store, principal, page, fail, now } = context;
    const organizationId = given ?? organizationOf(principal);
    if (isForeignTo(principal, organizationId)) fail(OrganizationNotFound);
    const ownerId = owner === "me" ? context.user.id : ofOwner;
    const request = page(paging);
    const found = await store.page({ organizationId, ownerId, prefix, after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, ({ id }) => [id]);
    return { items: rows.map((row) => toApiKey(row, now)), nextCursor };
  },
});
