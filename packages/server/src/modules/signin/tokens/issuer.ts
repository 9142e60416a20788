import type { SessionFacts } from "#modules/signin/sessions/index.ts";
import type { Emit } from "#operation/declaration/context.ts";
import type { Actor } from "#operation/declaration/principal.ts";
import type { Platform } from "#platform/platform.ts";
import { TokenExchanged, TokenRevoked } from "./events.ts";
import { type AccessTokenSubject, type IssuedAccessToken, issueAccessToken } from "./issue.ts";
import type { SigningKey } from "./jws.ts";
import type { ExchangedToken, TokenPair } from "./model.ts";
import type { Issuing } from "./prepare-issue.ts";
import { newChain, refreshChainPurpose, refreshTokenOf } from "./refresh-token.ts";
import type { RefreshChainRow, tokenStore } from "./store.ts";

/** A token by which `actor` acts for a user. */
export interface Exchange {
  readonly kind: "impersonation" | "delegation";
  readonly userId: string;
  readonly organizationId: string | null;
  readonly actor: Actor;
  /** The session that the token ends with. */
  readonly session: SessionFacts;
  readonly scopes: readonly string[];
  readonly reason: string | null;
}

interface IssuerContext {
  readonly platform: Pick<Platform, "settings" | "keys" | "metrics">;
  readonly store: ReturnType<typeof tokenStore.writes>;
  readonly emit: Emit;
  readonly now: Date;
}

/** Issues and revokes tokens in a transaction. */
export class TokenIssuer {
  readonly #platform: IssuerContext["platform"];
  readonly #store: IssuerContext["store"];
  readonly #emit: Emit;
  readonly #now: Date;

  constructor({ platform, store, emit, now }: IssuerContext) {
    this.#platform = platform;
    this.#store = store;
    this.#emit = emit;
    this.#now = now;
  }

  /** Issues the first tokens of a session that was started as `renewable`. */
  async issue(session: SessionFacts, issuing: Issuing): Promise<TokenPair> {
    const { id, secret } = newChain();
    const expiresAt = this.#refreshExpiry(session);
    await this.#store.insertRefreshChain({
      id,
      session_id: session.id,
      user_id: session.userId,
      organization_id: session.organizationId,
      encrypted_secret: this.#platform.keys.encrypt(secret, refreshChainPurpose(id)),
      generation: 0,
      rotated_at: this.#now,
      expires_at: expiresAt,
    });
    return this.#pair(session, issuing, refreshTokenOf(id, secret, 0), expiresAt);
  }

  /** Moves a chain from a generation to the next; undefined where that is not its current one. */
  rotate(session: SessionFacts, chainId: string, generation: number): Promise<RefreshChainRow | undefined> {
    return this.#store.rotate(chainId, generation, this.#now, this.#refreshExpiry(session));
  }

  /** Issues an access token, with the refresh token of the chain's current generation. */
  reissue(session: SessionFacts, issuing: Issuing, { id, encrypted_secret, generation, expires_at }: RefreshChainRow): TokenPair {
    const secret = this.#platform.keys.decrypt(encrypted_secret, refreshChainPurpose(id));
    return this.#pair(session, issuing, refreshTokenOf(id, secret, generation), expires_at);
  }

  /** Issues a token by which another principal acts for a user. It has scopes, and no refresh token. */
  async exchange(exchange: Exchange, key: SigningKey): Promise<ExchangedToken> {
    const { kind, userId, organizationId, actor, session, scopes, reason } = exchange;
    const { id, token, expiresIn, expiresAt } = this.#sign(session, key, { id: userId, organizationId, scopes, actor });
    await this.#store.insertExchangedToken({
      id,
      kind,
      user_id: userId,
      organization_id: organizationId,
      actor_kind: actor.kind,
      actor_id: actor.id,
      session_id: session.id,
      scopes,
      reason,
      created_at: this.#now,
      expires_at: expiresAt,
    });
    this.#emit(TokenExchanged, {
      tokenId: id,
      kind,
      userId,
      organizationId,
      actor: { ...actor },
      scopes: [...scopes],
      reason,
      expiresAt: expiresAt.toISOString(),
    });
    this.#platform.metrics.tokensIssued.inc({ kind });
    return { accessToken: token, tokenType: "Bearer", expiresIn, tokenId: id };
  }

  /** Revokes an access token by its `jti`. The row is kept for the longest lifetime of a token. */
  async revoke(tokenId: string): Promise<void> {
    const expiresAt = new Date(this.#now.getTime() + this.#platform.settings.accessTokenSeconds * 1_000);
    if (!(await this.#store.revokeToken({ id: tokenId, revoked_at: this.#now, expires_at: expiresAt }))) return;
    this.#emit(TokenRevoked, { tokenId, expiresAt: expiresAt.toISOString() });
  }

  #pair(session: SessionFacts, { key, hints }: Issuing, refreshToken: string, refreshExpiresAt: Date): TokenPair {
    const { userId, organizationId } = session;
    const { token, expiresIn } = this.#sign(session, key, { id: userId, organizationId, hints });
    this.#platform.metrics.tokensIssued.inc({ kind: "session" });
    const refreshTokenExpiresAt = refreshExpiresAt.toISOString();
    return { accessToken: token, tokenType: "Bearer", expiresIn, refreshToken, refreshTokenExpiresAt };
  }

  #sign(session: SessionFacts, key: SigningKey, subject: AccessTokenSubject): IssuedAccessToken {
    const { id: sessionId, methods, authenticatedAt, authProvider, expiresAt } = session;
    const { publicUrl, accessTokenSeconds } = this.#platform.settings;
    // A token does not outlive its session.
    const seconds = Math.min(accessTokenSeconds, Math.floor((expiresAt.getTime() - this.#now.getTime()) / 1_000));
    return issueAccessToken({ ...subject, sessionId, methods, authenticatedAt, authProvider }, { key, publicUrl }, this.#now, seconds);
  }

  #refreshExpiry({ expiresAt }: SessionFacts): Date {
    return new Date(Math.min(this.#now.getTime() + this.#platform.settings.refreshTokenSeconds * 1_000, expiresAt.getTime()));
  }
}
