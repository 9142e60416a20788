import { signedIn } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { ExchangedTokenNotFound } from "../errors.ts";
import { TokenIssuer } from "../issuer.ts";
import { tokens } from "../module.ts";

/** Ends a token by which another principal acts for the caller. */
export const endExchangedToken = tokens.command("endExchangedToken", {
  http: "DELETE /api/v1/iam/users/me/exchanged-tokens/:tokenId",
  summary: "End a token by which another principal acts for you.",
  allow: signedIn(),
  audit: { action: "ExchangedToken.Ended", category: "Security", severity: "Warning", entity: "Token" },
  absent: ExchangedTokenNotFound,
  everyTenant: "a user's exchanged tokens may be of any organization",
  input: Type.Object({ tokenId: Uuid }),
  output: Nothing,
  errors: [ExchangedTokenNotFound],
  async run({ store, state, user, emit, fail, audit, now }, { tokenId }) {
    const row = (await store.deleteExchangedToken(user.id, tokenId)) ?? fail(ExchangedTokenNotFound);
    audit({ organizationId: row.organization_id, before: { kind: row.kind, actor: { kind: row.actor_kind, id: row.actor_id } } });
    await new TokenIssuer({ platform: state.platform, store, emit, now }).revoke(row.id);
    return null;
  },
});
