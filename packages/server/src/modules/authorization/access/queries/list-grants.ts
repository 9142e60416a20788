import { scoped } from "#operation/declaration/authorization.ts";
import { nullable, Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { RoleNotFound } from "../errors.ts";
import { subjectOf } from "../grant-rules.ts";
import { toGrant } from "../grant-store.ts";
import { Grant, ModelName } from "../model.ts";
import { access } from "../module.ts";

const Id = Type.Optional(Type.String({ minLength: 1, maxLength: 255 }));

/** Lists the grants of an organization or of the internal scope in the order of creation. Includes expired ones, flagged as such. */
export const listGrants = access.query("listGrants", {
  http: "GET /api/v1/iam/grants",
  summary: "List grants.",
  allow: scoped({ tenant: "Organization.ReadGrants", internal: "InternalRole.Read" }),
  absent: RoleNotFound,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    resourceType: Type.Optional(ModelName),
    resourceId: Id,
    relation: Type.Optional(ModelName),
    subjectType: Type.Optional(ModelName),
    subjectId: Id,
    ...Paging,
  }),
  output: Page(Grant),
  errors: [RoleNotFound],
  async run({ store, page, now }, { organizationId = null, limit, cursor, subjectType, subjectId, ...search }) {
    const request = page({ ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) });
    const subject = subjectType !== undefined && subjectId !== undefined ? subjectOf({ type: subjectType, id: subjectId }).id : subjectId;
    const filters = { organizationId, ...search, subjectType, subjectId: subject };
    const found = await store.grantPage(filters, request.after?.[0], request.fetch);
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: rows.map((row) => toGrant(row, now)), nextCursor };
  },
});
