import { scoped } from "#operation/declaration/authorization.ts";
import { Secret, Type } from "#operation/declaration/schema.ts";
import { ScopeNotHeld, SubjectTokenInvalid } from "../errors.ts";
import { TokenIssuer } from "../issuer.ts";
import { ExchangedToken, Scopes } from "../model.ts";
import { tokens } from "../module.ts";
import { requireService } from "../require-service.ts";

/**
 * Exchanges the access token of a user for one by which the calling service acts for that user (RFC 8693 §1.1, delegation). It is limited to scopes, ends
 * with the user's session, and the user sees it.
 */
export const exchangeToken = tokens.command("exchangeToken", {
  http: "POST /api/v1/token/exchange",
  summary: "Exchange a user's access token for one to act for the user.",
  allow: scoped({ tenant: "Organization.ActForMembers", internal: "User.ActFor" }),
  audit: { action: "Token.Exchanged", category: "Security", severity: "Warning", entity: "User" },
  limit: { per: "principal", points: 6_000, seconds: 60 },
  absent: SubjectTokenInvalid,
  input: Type.Object({ subjectToken: Secret({ minLength: 1, maxLength: 16_384 }), scopes: Scopes }),
  output: ExchangedToken,
  errors: [SubjectTokenInvalid, ScopeNotHeld],
  async tenant({ state, fail }, { subjectToken }) {
    const { principal } = (await state.live.find(subjectToken)) ?? fail(SubjectTokenInvalid);
    return principal.organizationId;
  },
  async prepare({ state, identified, fail }, { subjectToken, scopes }) {
    const { id } = requireService(identified);
    const { principal: subject } = (await state.live.find(subjectToken)) ?? fail(SubjectTokenInvalid);
    const sessionId = subject.credential.sessionId;
    // The token of a service, or one by which another principal acts, cannot be exchanged again.
    if (subject.kind !== "user" || subject.actor !== undefined || sessionId === undefined) return fail(SubjectTokenInvalid);
    const allowed = subject.credential.scopes;
    const beyond = allowed === undefined ? [] : scopes.filter((scope) => !allowed.includes(scope));
    if (beyond.length > 0) fail(ScopeNotHeld, ...beyond.map((scope) => ({ field: "scopes", rule: "held", permission: scope })));
    return { key: (await state.keys.find()).current(), sessionId, subject, actor: { kind: "service" as const, id } };
  },
  async run({ store, uses, state, emit, fail, audit, now }, { scopes }, { key, sessionId, subject, actor }) {
    const session = (await uses.sessions.use(sessionId)) ?? fail(SubjectTokenInvalid);
    const { id: userId, organizationId } = subject;
    const exchange = { kind: "delegation" as const, userId, organizationId, actor, session, scopes, reason: null };
    const issued = await new TokenIssuer({ platform: state.platform, store, emit, now }).exchange(exchange, key);
    audit({ entity: { type: "User", id: userId }, after: { tokenId: issued.tokenId, scopes } });
    return issued;
  },
});
