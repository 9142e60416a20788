import { scoped } from "#operation/declaration/authorization.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { nullable, Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { RoleNotFound, ScopeMismatch } from "../errors.ts";
import { AccessScope, Role } from "../model.ts";
import { access } from "../module.ts";
import { represent } from "../represent.ts";

/** Lists the roles of a scope, system roles first. Without a scope it is that of the given organization, or of the credential. */
export const listRoles = access.query("listRoles", {
  http: "GET /api/v1/iam/roles",
  summary: "List the roles of an organization or of the internal scope.",
  allow: scoped({ tenant: "Organization.ReadRoles", internal: "InternalRole.Read" }),
  absent: RoleNotFound,
  input: Type.Object({ scope: Type.Optional(AccessScope), organizationId: Type.Optional(nullable(Uuid)), ...Paging }),
  output: Page(Role),
  errors: [ScopeMismatch],
  tenant({ principal, fail }, { scope, organizationId }) {
    if (scope === "Internal") return organizationId ? fail(ScopeMismatch, { field: "organizationId", rule: "scope" }) : null;
    const chosen = organizationId ?? organizationOf(principal);
    return chosen ?? (scope === "Organization" ? fail(ScopeMismatch, { field: "organizationId", rule: "required_in_scope" }) : null);
  },
  async run({ store, page, principal }, input) {
    const request = page(input);
    const session = organizationOf(principal);
    const organizationId = input.scope === "Internal" ? null : (input.organizationId ?? session);
    const found = await store.rolePage({ organizationId, after: request.after, limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [String(!row.is_system_role), row.name, row.id]);
    return { items: await represent(store, rows), nextCursor };
  },
});
