import { anyone } from "#operation/declaration/authorization.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { Secret, Type } from "#operation/declaration/schema.ts";
import { RefreshTokenInvalid, RefreshTokenReplayed } from "../errors.ts";
import { RefreshTokenWasReplayed } from "../events.ts";
import { TokenIssuer } from "../issuer.ts";
import { TokenPair } from "../model.ts";
import { tokens } from "../module.ts";
import { type Issuing, prepareIssue, roleNames } from "../prepare-issue.ts";
import { isOfChain, partsOf, refreshChainPurpose } from "../refresh-token.ts";
import type { RefreshChainRow } from "../store.ts";

/** A client that got no answer repeats its request within this time, or a second window of a browser has asked at the same time. */
const graceMs = 10_000;

/**
 * Exchanges a refresh token for an access token and the next refresh token. Repeated within 10 seconds it returns the same refresh token. Any
 * later or older use is a replay, which ends the session (RFC 9700 §4.14.2).
 */
export const refreshTokens = refreshAt("refreshTokens", "POST /api/v1/token/refresh");
/** The same, beside the other operations of a sign-in. */
export const refreshSession = refreshAt("refreshSession", "POST /api/v1/iam/auth/refresh");

function refreshAt(name: string, http: string) {
  return tokens.command(name, {
    http,
    summary: "Exchange a refresh token for an access token and the next refresh token.",
    allow: anyone("the refresh token is the credential"),
    audit: { action: "Token.Refreshed", category: "Security", severity: "Info", entity: "Session" },
    limit: { per: "address", points: 600, seconds: 300 },
    everyTenant: "the refresh token names its session, which may be of any organization",
    input: Type.Object({ refreshToken: Secret({ minLength: 1, maxLength: 200 }) }),
    output: TokenPair,
    errors: [RefreshTokenInvalid, RefreshTokenReplayed],
    tenant: () => undefined,
    prepare: (context, { refreshToken }) => prepareRefresh(context, refreshToken),
    run: (context, _input, prepared) => refresh(context, prepared),
  });
}

interface PreparedRefresh {
  readonly chain: RefreshChainRow;
  readonly generation: number;
  readonly issuing: Issuing;
}

/** Finds the chain of an authentic refresh token. Fails for any other text. */
async function prepareRefresh(
  { reading, cached, state, services, fail }: PrepareContextOf<typeof tokens, typeof RefreshTokenInvalid>,
  refreshToken: string,
): Promise<PreparedRefresh> {
  const parts = partsOf(refreshToken) ?? fail(RefreshTokenInvalid);
  const found = await reading(async (store, { access }) => {
    const chain = await store.refreshChain(parts.chainId);
    return chain && { chain, roles: await roleNames(access, chain.user_id, chain.organization_id) };
  });
  const { chain, roles } = found ?? fail(RefreshTokenInvalid);
  if (!isOfChain(parts, services.keys.decrypt(chain.encrypted_secret, refreshChainPurpose(chain.id)))) fail(RefreshTokenInvalid);
  const holder = { userId: chain.user_id, organizationId: chain.organization_id, roles };
  return { chain, generation: parts.generation, issuing: await prepareIssue(state.keys, cached.decisions, holder) };
}

type RefreshContext = CommandContextOf<typeof tokens, typeof RefreshTokenInvalid | typeof RefreshTokenReplayed>;

async function refresh(context: RefreshContext, { chain, generation, issuing }: PreparedRefresh): Promise<TokenPair> {
  const { store, uses, state, services, emit, fail, failAfterCommit, audit, now } = context;
  const { session_id: sessionId, user_id: userId, organization_id: organizationId } = chain;
  const refreshes = services.metrics.tokenRefreshes;
  audit({ entity: { type: "Session", id: sessionId }, organizationId });
  // Locks the session: what ends it meanwhile waits, or is found here. Nothing is issued after its end.
  const session = (await uses.sessions.use(sessionId)) ?? fail(RefreshTokenInvalid);
  const issuer = new TokenIssuer({ platform: state.platform, store, emit, now });
  const next = await issuer.rotate(session, chain.id, generation);
  if (next !== undefined) {
    refreshes.inc({ result: "ok" });
    return issuer.reissue(session, issuing, next);
  }
  const current = (await store.refreshChain(chain.id)) ?? fail(RefreshTokenInvalid);
  if (current.expires_at <= now) fail(RefreshTokenInvalid);
  // The database was restored from a backup that is older than the token: its holder has done nothing wrong.
  if (generation > current.generation) fail(RefreshTokenInvalid);
  const isDirectParent = current.generation === generation + 1;
  if (isDirectParent && now.getTime() - current.rotated_at.getTime() <= graceMs) {
    refreshes.inc({ result: "repeated" });
    return issuer.reissue(session, issuing, current);
  }
  refreshes.inc({ result: "replayed" });
  await uses.sessions.end(userId, sessionId, "refresh_token_replayed");
  emit(RefreshTokenWasReplayed, { sessionId, userId, organizationId });
  return failAfterCommit(RefreshTokenReplayed);
}
