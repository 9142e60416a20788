import { byInput, identified, internal } from "#operation/declaration/authorization.ts";
import { Page, Paging, Type } from "#operation/declaration/schema.ts";
import { AccessScope, Permission } from "../model.ts";
import { access } from "../module.ts";
import { toPermission } from "../store.ts";

/**
 * Lists permission definitions in the order of their values. Every signed-in user may list those of organizations, to build roles from.
 * Internal ones need `Permission.Read`.
 */
export const listPermissions = access.query("listPermissions", {
  http: "GET /api/v1/iam/permissions",
  summary: "List permission definitions.",
  allow: byInput("scope", { Internal: internal("Permission.Read") }, identified()),
  input: Type.Object({ scope: Type.Optional(AccessScope), ...Paging }),
  output: Page(Permission),
  async run({ store, page }, input) {
    const request = page(input);
    const found = await store.permissionPage({ scope: input.scope ?? "Organization", after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.value]);
    return { items: rows.map(toPermission), nextCursor };
  },
});
