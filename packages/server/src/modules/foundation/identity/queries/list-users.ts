import { internal } from "#operation/declaration/authorization.ts";
import { Email, Page, Paging, Type } from "#operation/declaration/schema.ts";
import { User } from "../model.ts";
import { identity } from "../module.ts";
import { toUser } from "../store.ts";

/** Lists all users in the order of registration, or the one with an e-mail address. For internal administrators. */
export const listUsers = identity.query("listUsers", {
  http: "GET /api/v1/users",
  summary: "List users.",
  allow: internal("User.Read"),
  audit: { action: "User.Listed", category: "DataAccess", severity: "Info", reading: "personal data of all users" },
  input: Type.Object({ email: Type.Optional(Email), ...Paging }),
  output: Page(User),
  async run({ store, page }, input) {
    const request = page(input);
    const found = await store.page(request.after?.[0], request.fetch, input.email);
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: rows.map(toUser), nextCursor };
  },
});
