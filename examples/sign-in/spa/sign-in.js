/**
 * The protocol: authorization code flow with PKCE of a public client (RFC 6749, RFC 7636, OpenID Connect Core §3.1), by `oauth4webapi`. Tokens are in
 * the memory of this module alone: nothing that the browser stores has them, and a reload begins a new sign-in, without a password while the session
 * of Gatehouse is alive.
 */
import * as oauth from "/oauth4webapi.js";

const scope = "openid profile email organization offline_access Orders.Read";

/** A little earlier than a token expires, so that it does not on the way. */
const refreshBeforeMs = 30_000;

/** @typedef {{ readonly issuer: string, readonly api: string, readonly clientId: string }} Settings */

/** The user has refused, or the session of Gatehouse has ended. `code` is the error of OAuth. */
export class SignInRefused extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class SignIn {
  /** @type {oauth.TokenEndpointResponse | undefined} */
  #tokens;
  #expiresAt = 0;
  /** @type {Promise<void> | undefined} */
  #refreshing;
  #idToken = "";
  #subject = "";
  refreshes = 0;

  /**
   * @param {oauth.AuthorizationServer} server
   * @param {Settings} settings
   */
  constructor(server, { issuer, clientId }) {
    this.server = server;
    /** @type {oauth.Client} */
    this.client = { client_id: clientId };
    this.redirectUri = `${location.origin}/`;
    // Plain HTTP is for a server on this machine only.
    this.options = { [oauth.allowInsecureRequests]: issuer.startsWith("http:") };
  }

  /** @param {Settings} settings */
  static async discover(settings) {
    const issuer = new URL(settings.issuer);
    const options = { [oauth.allowInsecureRequests]: issuer.protocol === "http:" };
    return new SignIn(await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options)), settings);
  }

  /** Leaves for Gatehouse. Only what binds the answer to this tab is stored until it comes back. */
  async begin() {
    const pending = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    sessionStorage.setItem("sign-in", JSON.stringify(pending));
    const url = new URL(String(this.server.authorization_endpoint));
    url.search = String(
      new URLSearchParams({
        client_id: this.client.client_id,
        response_type: "code",
        redirect_uri: this.redirectUri,
        scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: "S256",
        // Without it a request gets no refresh token (OpenID Connect Core §11).
        prompt: "consent",
      }),
    );
    location.assign(url);
  }

  /** Completes a sign-in where the address of the page is an answer to one. Throws SignInRefused. */
  async complete() {
    const here = new URL(location.href);
    const stored = sessionStorage.getItem("sign-in");
    sessionStorage.removeItem("sign-in");
    if (!here.searchParams.has("state")) return;
    // Neither the history nor a bookmark keeps the code.
    history.replaceState(null, "", "/");
    // The answer to a sign-out has a state as well, and one that another site began has nothing stored here.
    if (stored === null) return;
    const { verifier, state, nonce } = JSON.parse(stored);
    await this.#refusing(async () => {
      const answer = oauth.validateAuthResponse(this.server, this.client, here, state);
      const response = await oauth.authorizationCodeGrantRequest(
        this.server,
        this.client,
        oauth.None(),
        answer,
        this.redirectUri,
        verifier,
        this.options,
      );
      const checks = { expectedNonce: nonce, requireIdToken: true };
      this.#keep(await oauth.processAuthorizationCodeResponse(this.server, this.client, response, checks));
    });
  }

  get isComplete() {
    return this.#tokens !== undefined;
  }

  /** Who it is (OpenID Connect Core §5.3). */
  async profile() {
    const response = await oauth.userInfoRequest(this.server, this.client, await this.accessToken(), this.options);
    return oauth.processUserInfoResponse(this.server, this.client, this.#subject, response);
  }

  /** A usable access token. Throws SignInRefused where the session has ended. */
  async accessToken() {
    if (Date.now() > this.#expiresAt - refreshBeforeMs) await this.refresh();
    return this.#tokens?.access_token ?? "";
  }

  /** Gets the next tokens. A refresh token is used once, so callers at the same time share one request. */
  async refresh() {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  /** Forgets the tokens, and leaves for Gatehouse to end its session, which comes back (OpenID Connect RP-Initiated Logout §2). */
  end() {
    const url = new URL(String(this.server.end_session_endpoint));
    url.search = String(new URLSearchParams({ id_token_hint: this.#idToken, post_logout_redirect_uri: this.redirectUri }));
    this.#tokens = undefined;
    location.assign(url);
  }

  async #refresh() {
    const refreshToken = this.#tokens?.refresh_token;
    if (refreshToken === undefined) throw new SignInRefused("session_ended");
    await this.#refusing(async () => {
      const response = await oauth.refreshTokenGrantRequest(this.server, this.client, oauth.None(), refreshToken, this.options);
      this.#keep(await oauth.processRefreshTokenResponse(this.server, this.client, response));
      this.refreshes += 1;
    });
  }

  /** @param {oauth.TokenEndpointResponse} tokens */
  #keep(tokens) {
    this.#tokens = tokens;
    this.#expiresAt = Date.now() + (tokens.expires_in ?? 0) * 1_000;
    this.#idToken = tokens.id_token ?? this.#idToken;
    this.#subject = oauth.getValidatedIdTokenClaims(tokens)?.sub ?? this.#subject;
  }

  /** @param {() => Promise<void>} request */
  async #refusing(request) {
    try {
      await request();
    } catch (error) {
      if (!(error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError)) throw error;
      this.#tokens = undefined;
      throw new SignInRefused(error.error);
    }
  }
}
