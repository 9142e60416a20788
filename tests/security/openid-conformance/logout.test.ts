/** Modules of the OpenID conformance suite, under their names: sign-outs that a relying party asks for. */
import { randomUUID } from "node:crypto";
import { type Browser, issuer, type Stop } from "@gatehouse/testing/openid.ts";
import { decodeJwt, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { errorOf, partyOfSuite, postLogoutRedirect, signIn, withoutPage } from "./support/party.ts";

const party = partyOfSuite();

async function signedIn() {
  const { browser, tokens } = await signIn(party());
  return { browser, idToken: tokens.id_token as string };
}

const logout = (browser: Browser, query: Readonly<Record<string, string>>): Promise<Stop> =>
  browser.open(`/oauth2/logout?${new URLSearchParams(query)}`);

/** What a relying party learns that asks without a page. */
const silentError = async (browser: Browser) => errorOf(await withoutPage(party(), browser));
const isSignedIn = async (browser: Browser) => (await browser.get("/api/v1/iam/auth/session")).status === 200;

async function isSignedOut(browser: Browser): Promise<void> {
  expect(await silentError(browser)).toBe("login_required");
  expect(await isSignedIn(browser)).toBe(false);
}

/** The user is asked, and signs out: the page that they see then. */
async function confirms(browser: Browser, stop: Stop): Promise<Stop> {
  expect([stop.url.origin, stop.url.pathname, stop.status]).toEqual([issuer, "/oauth2/logout/confirm", 200]);
  expect(await isSignedIn(browser)).toBe(true);
  return browser.open((await browser.post("/oauth2/logout/confirm", {})).body.redirectTo);
}

async function isRefused(browser: Browser, stop: Stop): Promise<void> {
  expect([stop.url.origin, stop.status]).toEqual([issuer, 400]);
  expect(await isSignedIn(browser)).toBe(true);
}

describe("the metadata", () => {
  it("oidcc-rp-initiated-logout-discovery-endpoint-verification: names the end_session_endpoint", () => {
    expect(party().configuration.serverMetadata().end_session_endpoint).toBe(`${issuer}/oauth2/logout`);
  });
});

describe("a sign-out with an ID token", () => {
  it("oidcc-rp-initiated-logout: goes to the registered address with its state, and the user is signed out", async () => {
    const { browser, idToken } = await signedIn();
    const stop = await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: postLogoutRedirect, state: "of the client" });
    expect([stop.url.origin + stop.url.pathname, Object.fromEntries(stop.url.searchParams)]).toEqual([
      postLogoutRedirect,
      { state: "of the client" },
    ]);
    await isSignedOut(browser);
  });

  it("oidcc-rp-initiated-logout-no-state: goes to the registered address without a state", async () => {
    const { browser, idToken } = await signedIn();
    const stop = await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: postLogoutRedirect });
    expect(stop.url.href).toBe(postLogoutRedirect);
    await isSignedOut(browser);
  });

  it("oidcc-rp-initiated-logout-no-post-logout-redirect-uri: tells the user that they are signed out", async () => {
    const { browser, idToken } = await signedIn();
    const stop = await logout(browser, { id_token_hint: idToken });
    expect([stop.url.origin, stop.url.pathname, stop.status]).toEqual([issuer, "/signed-out", 200]);
    await isSignedOut(browser);
  });

  it("is answered the same where it is sent as a form (OpenID Connect RP-Initiated Logout §2)", async () => {
    const { browser, idToken } = await signedIn();
    const posted = await browser.submit("/oauth2/logout", { id_token_hint: idToken, post_logout_redirect_uri: postLogoutRedirect });
    expect([posted.status, await isSignedIn(browser)]).toEqual([303, true]);
    expect((await browser.open(String(posted.headers["location"]))).url.href).toBe(postLogoutRedirect);
    await isSignedOut(browser);
  });
});

describe("a sign-out with an address that is not registered", () => {
  it("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri: is refused on a page", async () => {
    const { browser, idToken } = await signedIn();
    const query = { id_token_hint: idToken, post_logout_redirect_uri: `https://app.example/${randomUUID()}`, state: "s" };
    await isRefused(browser, await logout(browser, query));
  });

  it("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri: is refused on a page", async () => {
    const { browser, idToken } = await signedIn();
    const query = { id_token_hint: idToken, post_logout_redirect_uri: `${postLogoutRedirect}?foo=bar`, state: "s" };
    await isRefused(browser, await logout(browser, query));
  });
});

describe("a sign-out with an ID token that the provider has not signed", () => {
  it("oidcc-rp-initiated-logout-modified-id-token-hint: with alg none is refused on a page", async () => {
    const { browser, idToken } = await signedIn();
    const unsigned = new UnsecuredJWT(decodeJwt(idToken)).encode();
    await isRefused(browser, await logout(browser, { id_token_hint: unsigned, post_logout_redirect_uri: postLogoutRedirect }));
  });

  it("oidcc-rp-initiated-logout-bad-id-token-hint: with another key is refused on a page", async () => {
    const { browser, idToken } = await signedIn();
    const { privateKey } = await generateKeyPair("RS256");
    const forged = await new SignJWT(decodeJwt(idToken)).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
    await isRefused(browser, await logout(browser, { id_token_hint: forged, post_logout_redirect_uri: postLogoutRedirect }));
  });
});

describe("a sign-out without an ID token", () => {
  it("oidcc-rp-initiated-logout-no-id-token-hint: does not go to an address of a client that is not named", async () => {
    const { browser } = await signedIn();
    const stop = await logout(browser, { post_logout_redirect_uri: postLogoutRedirect, state: "s" });
    expect(stop.url.origin).toBe(issuer);
    expect(await isSignedIn(browser)).toBe(true);
  });

  it("oidcc-rp-initiated-logout-no-params: signs the user out whom it has asked", async () => {
    const { browser } = await signedIn();
    const stop = await confirms(browser, await logout(browser, {}));
    expect([stop.url.origin, stop.url.pathname]).toEqual([issuer, "/signed-out"]);
    await isSignedOut(browser);
  });

  it("oidcc-rp-initiated-logout-only-state: signs the user out whom it has asked", async () => {
    const { browser } = await signedIn();
    const stop = await confirms(browser, await logout(browser, { state: "of the client" }));
    expect([stop.url.origin, stop.url.pathname, stop.url.search]).toEqual([issuer, "/signed-out", ""]);
    await isSignedOut(browser);
  });
});
