import { anyone } from "#operation/declaration/authorization.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { CredentialRequired, invalid, OperationError, PermissionDenied } from "#operation/declaration/errors.ts";
import { sessionIdOf } from "#operation/declaration/principal.ts";
import { Nothing, Secret, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import { TokenIssuer } from "../issuer.ts";
import { tokens } from "../module.ts";
import { isOfChain, partsOf, refreshChainPurpose } from "../refresh-token.ts";

const Input = Type.Object({
  /** An access token or a refresh token: its holder may revoke it (RFC 7009). A refresh token ends its session. */
  token: Type.Optional(Secret({ minLength: 1, maxLength: 16_384 })),
  /** The id of an access token. */
  jti: Type.Optional(Uuid),
  /** The id of a session, or `*` for every session of a user. */
  sid: Type.Optional(Type.Union([Uuid, Type.Literal("*")])),
  /** The user, with `sid`. Default: the caller. */
  userId: Type.Optional(Uuid),
});
type Input = Static<typeof Input>;

/** What a call revokes, after the check that the caller may. */
type Target =
  | { readonly kind: "nothing" }
  | { readonly kind: "token"; readonly id: string }
  | { readonly kind: "session"; readonly userId: string; readonly sessionId: string }
  | { readonly kind: "every-session"; readonly userId: string };

/**
 * Revokes an access token by its id, a session with all of its tokens, or every session of a user. A user revokes their own; of others it needs
 * `Token.Revoke`. An unknown token is answered like a known one (RFC 7009 §2.2).
 */
export const revokeTokens = tokens.command("revokeTokens", {
  http: "POST /api/v1/token/revoke",
  summary: "Revoke a token, a session with its tokens, or every session of a user.",
  allow: anyone("the holder of a token may revoke it; everything else is checked by what is revoked"),
  audit: { action: "Token.Revoked", category: "Security", severity: "Warning", entity: "Session" },
  limit: { per: "address", points: 600, seconds: 300 },
  everyTenant: "a token may be of any organization",
  inBatches: "a user may have thousands of sessions",
  input: Input,
  output: Nothing,
  tenant: () => undefined,
  prepare: targetOf,
  async run(context, _input, target) {
    await revoke(context, target);
    return null;
  },
});

async function targetOf(context: PrepareContextOf<typeof tokens>, input: Input): Promise<Target> {
  const { token, jti, sid, userId } = input;
  if ([token, jti, sid].filter((given) => given !== undefined).length !== 1) {
    throw invalid({ field: "body", rule: "exactlyOne", message: "must have exactly one of token, jti and sid" });
  }
  if (userId !== undefined && sid === undefined) throw invalid({ field: "userId", rule: "dependsOn", message: "is only for sid" });
  if (token !== undefined) return targetOfToken(context, token);
  if (jti !== undefined) {
    const { principal } = context;
    const isOwn = "credential" in principal && principal.credential.kind === "accessToken" && principal.credential.id === jti.toLowerCase();
    if (!isOwn) await requirePermission(context);
    return { kind: "token", id: jti.toLowerCase() };
  }
  const owner = await ownerOf(context, userId, sid as string);
  return sid === "*" ? { kind: "every-session", userId: owner } : { kind: "session", userId: owner, sessionId: sid as string };
}

/** The target of a token that its holder presents. */
async function targetOfToken({ reading, state, services }: PrepareContextOf<typeof tokens>, token: string): Promise<Target> {
  const parts = partsOf(token);
  if (parts === undefined) {
    const verified = await after(state.live.verify(token), (found) => found);
    return verified === undefined ? { kind: "nothing" } : { kind: "token", id: verified.claims.jti };
  }
  const chain = await reading((store) => store.refreshChain(parts.chainId));
  if (chain === undefined || !isOfChain(parts, services.keys.decrypt(chain.encrypted_secret, refreshChainPurpose(chain.id)))) {
    return { kind: "nothing" };
  }
  return { kind: "session", userId: chain.user_id, sessionId: chain.session_id };
}

/** The user whose sessions are meant. Their own need no permission, except by a credential that is limited to scopes or acts for another. */
async function ownerOf(context: PrepareContextOf<typeof tokens>, userId: string | undefined, sid: string): Promise<string> {
  const { principal, reading } = context;
  if (principal.kind === "anonymous") throw new OperationError(CredentialRequired);
  const own = principal.kind === "user" && principal.credential.scopes === undefined && sessionIdOf(principal) !== undefined;
  if (own && (userId === undefined || userId.toLowerCase() === principal.id)) return principal.id;
  await requirePermission(context);
  if (userId !== undefined) return userId.toLowerCase();
  const session = sid === "*" ? undefined : await reading((_store, { sessions }) => sessions.session(sid));
  if (session !== undefined) return session.userId;
  throw invalid({ field: "userId", rule: "required", message: "is required" });
}

async function requirePermission({ principal, holds }: PrepareContextOf<typeof tokens>): Promise<void> {
  if (principal.kind === "anonymous") throw new OperationError(CredentialRequired);
  if (!(await holds(null, "Token.Revoke")))
    throw new OperationError(PermissionDenied, [{ rule: "permission", permission: "Token.Revoke" }]);
}

async function revoke({ store, uses, state, emit, audit, more, now }: CommandContextOf<typeof tokens>, target: Target): Promise<void> {
  if (target.kind === "nothing") return;
  if (target.kind === "token") {
    audit({ entity: { type: "Token", id: target.id } });
    return new TokenIssuer({ platform: state.platform, store, emit, now }).revoke(target.id);
  }
  if (target.kind === "session") {
    audit({ entity: { type: "Session", id: target.sessionId } });
    await uses.sessions.end(target.userId, target.sessionId, "revoked");
    return;
  }
  audit({ entity: { type: "User", id: target.userId } });
  if (await uses.sessions.endSome(target.userId, "revoked")) more();
}
