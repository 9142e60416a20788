import { access } from "#modules/authorization/access/index.ts";
import { decisions } from "#modules/authorization/decisions/index.ts";
import { identity } from "#modules/foundation/identity/index.ts";
import { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { type SessionFacts, sessions } from "#modules/signin/sessions/index.ts";
import { module } from "#operation/declaration/module.ts";
import type { Platform } from "#platform/platform.ts";
import { type AccessTokenSubject, type IssuedAccessToken, issueAccessTokenInPool } from "./issue.ts";
import { TokenIssuer } from "./issuer.ts";
import { KeySetCache } from "./key-set.ts";
import { LiveTokens } from "./live-tokens.ts";
import type { TokenPair } from "./model.ts";
import { type Issuing, prepareIssue, roleNames } from "./prepare-issue.ts";
import { tokenStore } from "./store.ts";

/** The in-process state of the module. */
export class TokenState {
  readonly platform: Platform;
  readonly keys: KeySetCache;
  readonly live: LiveTokens;

  constructor(platform: Platform) {
    this.platform = platform;
    this.keys = new KeySetCache(platform);
    this.live = new LiveTokens(platform, this.keys);
  }
}

/** Signing keys, access tokens and refresh tokens. */
export const tokens = module("tokens", {
  store: tokenStore,
  state: (platform: Platform) => new TokenState(platform),
  uses: { identity, access, decisions, tenancy, serviceaccounts, sessions },
  cachedApi: ({ state, uses }) => ({
    /** The signing keys, for the OpenID Provider. */
    keySet: () => state.keys.find(),
    /** The claims of an access token of this product that is valid and live; null where it is not. */
    accessToken: (token: string) => state.live.find(token),
    /** Issues an access token to a service account. */
    async issueToService(subject: AccessTokenSubject): Promise<IssuedAccessToken> {
      const { current } = await state.keys.find();
      const { settings, clock, metrics } = state.platform;
      metrics.tokensIssued.inc({ kind: "client" });
      const { publicUrl, accessTokenSeconds } = settings;
      return issueAccessTokenInPool(subject, { key: current(), publicUrl }, new Date(clock.now()), accessTokenSeconds);
    },
    /** Prepares the issue of tokens to a user; `roles` are the names of their roles. */
    prepareIssue: (userId: string, organizationId: string | null, roles: readonly string[]): Promise<Issuing> =>
      prepareIssue(state.keys, uses.decisions, { userId, organizationId, roles }),
  }),
  readApi: ({ uses }) => ({
    roleNames: (holderId: string, organizationId: string | null) => roleNames(uses.access, holderId, organizationId),
  }),
  writeApi: ({ store, state: { platform }, emit, now }) => {
    const issuer = new TokenIssuer({ platform, store, emit, now });
    return {
      /** Issues the first tokens of a session that was started as `renewable`. */
      issue: (session: SessionFacts, issuing: Issuing): Promise<TokenPair> => issuer.issue(session, issuing),
      /** Revokes an access token by its `jti`. */
      revoke: (tokenId: string): Promise<void> => issuer.revoke(tokenId),
    };
  },
});
