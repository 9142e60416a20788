import { signedIn } from "#operation/declaration/authorization.ts";
import { nullable, oneOf, Page, Paging, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { tokens } from "../module.ts";
import { representExchange } from "../represent.ts";

/** The tokens by which others act for the caller now, newest first. */
export const listExchangedTokens = tokens.query("listExchangedTokens", {
  http: "GET /api/v1/iam/users/me/exchanged-tokens",
  summary: "List the tokens by which others act for you.",
  allow: signedIn(),
  everyTenant: "a user's exchanged tokens may be of any organization",
  input: Type.Object({ ...Paging }),
  output: Page(
    Type.Object({
      id: Uuid,
      kind: oneOf("impersonation", "delegation"),
      organizationId: nullable(Uuid),
      actor: Type.Object({ kind: oneOf("user", "service"), id: Uuid }),
      scopes: Type.Array(Type.String()),
      reason: nullable(Type.String()),
      createdAt: Timestamp,
      expiresAt: Timestamp,
    }),
  ),
  async run({ store, user, page, now }, input) {
    const request = page(input);
    const found = await store.exchangedTokensOf(user.id, now, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: rows.map(representExchange), nextCursor };
  },
});
