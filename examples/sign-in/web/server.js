/**
 * A server-rendered application: a confidential client with the authorization code flow and PKCE, by `openid-client`. Tokens stay on the server; the
 * browser has a cookie with a random id. It shows the sign-in, the refresh of tokens, calls of an API, the sign-out that begins here, and the one
 * that begins elsewhere (back-channel logout).
 */
import * as openid from "openid-client";
import { Refusal, readForm, sendFile, serve } from "../lib/server.js";
import { addresses, gatehouse, isInsecure, readInstallation } from "../lib/settings.js";
import { verifyLogoutToken } from "./backchannel.js";
import { redirect, sendPage, showOrders, showRefusal, showWelcome } from "./pages.js";
import { Sessions } from "./sessions.js";

const { webClient } = readInstallation();
const options = isInsecure ? { execute: [openid.allowInsecureRequests] } : {};
const configuration = await openid.discovery(
  new URL(gatehouse),
  webClient.id,
  undefined,
  openid.ClientSecretBasic(webClient.secret),
  options,
);
const redirectUri = `${addresses.web}/callback`;
// A first-party client gets refresh tokens without `offline_access`.
const scope = "openid profile email organization Orders.Read Orders.Approve";
const sessions = new Sessions();

/** @type {Readonly<Record<string, import("../lib/server.js").Handler>>} */
const routes = {
  async "GET /"(request, response) {
    const session = sessions.of(request);
    if (session === undefined) return sendPage(response, showWelcome());
    const answer = await callApi(session, "GET", "/orders");
    sendPage(response, showOrders({ ...session, ...answer }));
  },

  /** Sends the browser to Gatehouse. `state`, `nonce` and the PKCE verifier bind the answer to this browser. */
  async "POST /sign-in"(request, response) {
    refuseOtherSite(request);
    const checks = {
      pkceCodeVerifier: openid.randomPKCECodeVerifier(),
      expectedState: openid.randomState(),
      expectedNonce: openid.randomNonce(),
    };
    sessions.expect(response, checks);
    const url = openid.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await openid.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: "S256",
    });
    redirect(response, url);
  },

  async "GET /callback"(request, response, url) {
    const checks = sessions.expected(request, response);
    if (checks === undefined) throw new Refusal(400, "sign_in_unknown", "This sign-in was not begun in this browser, or it took too long.");
    try {
      const tokens = await openid.authorizationCodeGrant(configuration, url, checks);
      const claims = tokens.claims();
      if (claims === undefined) throw new Refusal(502, "no_id_token", "The answer has no ID token.");
      sessions.begin(response, { ...(await profileOf(tokens, claims.sub)), sid: String(claims.sid), ...kept(tokens) });
      redirect(response, "/");
    } catch (error) {
      // The user has cancelled, or is not allowed to use this application.
      if (error instanceof openid.AuthorizationResponseError) throw new Refusal(403, error.error, "You were not signed in.");
      throw asRefusal(error);
    }
  },

  async "POST /approve"(request, response) {
    refuseOtherSite(request);
    const session = sessions.of(request);
    if (session === undefined) return redirect(response, "/");
    const id = (await readForm(request)).get("id") ?? "";
    const { refused } = await callApi(session, "POST", `/orders/approve?id=${encodeURIComponent(id)}`);
    if (refused !== undefined) throw new Refusal(403, refused, `Order ${id} was not approved.`);
    redirect(response, "/");
  },

  /** Happens by itself before a token expires; this form shows it. */
  async "POST /refresh"(request, response) {
    refuseOtherSite(request);
    const session = sessions.of(request);
    if (session !== undefined) {
      session.expiresAt = 0;
      await usableToken(session);
    }
    redirect(response, "/");
  },

  /** Ends the session here, and then the one of Gatehouse, which sends the browser back (OpenID Connect RP-Initiated Logout §2). */
  "POST /sign-out"(request, response) {
    refuseOtherSite(request);
    const session = sessions.end(request, response);
    const parameters = { post_logout_redirect_uri: `${addresses.web}/`, ...(session && { id_token_hint: session.idToken }) };
    redirect(response, openid.buildEndSessionUrl(configuration, parameters));
  },

  /** Gatehouse tells of a session that has ended: signed out in another application, revoked, or suspended. */
  async "POST /backchannel-logout"(request, response) {
    const sid = await verifyLogoutToken((await readForm(request)).get("logout_token") ?? "", webClient.id);
    sessions.endAll(sid);
    response.writeHead(200, { "cache-control": "no-store" }).end();
  },

  "GET /style.css": (_request, response) => sendFile(response, new URL("../lib/style.css", import.meta.url), "text/css"),
};

/** @typedef {import("./sessions.js").Session} Session */
/** @typedef {openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers} Tokens */

/**
 * What is kept of an answer with tokens. A refresh token is used once, so the next one replaces it.
 *
 * @param {Tokens} tokens
 */
const kept = (tokens) => ({
  accessToken: tokens.access_token,
  refreshToken: tokens.refresh_token ?? "",
  idToken: tokens.id_token ?? "",
  expiresAt: Date.now() + (tokens.expiresIn() ?? 0) * 1_000,
});

/**
 * @param {Tokens} tokens
 * @param {string} subject
 */
async function profileOf(tokens, subject) {
  const { name = "", email = "", organization } = await openid.fetchUserInfo(configuration, tokens.access_token, subject);
  return { name, email, organization: /** @type {{ name: string } | null | undefined} */ (organization)?.name ?? "" };
}

/** Before the token expires, so that it does not on the way. */
const refreshBeforeMs = 30_000;

/**
 * A usable access token of the session. Requests of one browser that need a new one at the same time share the refresh.
 *
 * @param {Session} session
 */
async function accessTokenOf(session) {
  if (Date.now() > session.expiresAt - refreshBeforeMs) {
    session.refreshing ??= refresh(session).finally(() => {
      session.refreshing = undefined;
    });
    await session.refreshing;
  }
  return session.accessToken;
}

/**
 * The same. A session that has ended in the meantime is a new sign-in.
 *
 * @param {Session} session
 */
async function usableToken(session) {
  try {
    return await accessTokenOf(session);
  } catch (error) {
    const refusal = asRefusal(error);
    if (refusal.status === 401) sessions.forget(session);
    throw refusal;
  }
}

/** @param {Session} session */
async function refresh(session) {
  const tokens = await openid.refreshTokenGrant(configuration, session.refreshToken);
  const { idToken } = session;
  Object.assign(session, { ...kept(tokens), idToken: tokens.id_token ?? idToken });
  session.refreshes += 1;
}

/**
 * Calls the API for the user. A refusal is data of the page. A token that is not taken any more was revoked with its session.
 *
 * @param {Session} session
 * @param {string} method
 * @param {string} path
 * @returns {Promise<{ orders: readonly any[], refused?: string }>}
 */
async function callApi(session, method, path) {
  const authorization = `Bearer ${await usableToken(session)}`;
  const response = await fetch(addresses.api + path, { method, headers: { authorization } }).catch((error) => {
    throw asRefusal(error);
  });
  if (response.status === 401) {
    sessions.forget(session);
    throw new Refusal(401, "session_ended", "Your session has ended.");
  }
  const { items = [], error } = await response.json();
  return { orders: items, ...(error && { refused: error.code }) };
}

/** @param {unknown} error */
function asRefusal(error) {
  if (error instanceof Refusal) return error;
  // The refresh token was revoked with its session, or the code was used before.
  if (error instanceof openid.ResponseBodyError && error.error === "invalid_grant")
    return new Refusal(401, "session_ended", "Your session has ended.");
  console.error(error);
  return new Refusal(502, "upstream", "Gatehouse or the API cannot be used now. Try again.");
}

/**
 * The cookie is `SameSite=Lax`, so browsers send it with no form of another site. This refuses those of other ports and subdomains, too.
 *
 * @param {import("../lib/server.js").Request} request
 */
function refuseOtherSite({ headers }) {
  if (headers.origin !== addresses.web) throw new Refusal(403, "cross_site", "The form is not of this site.");
}

serve(addresses.web, routes, (response, refusal) => sendPage(response, showRefusal(refusal), refusal.status));
