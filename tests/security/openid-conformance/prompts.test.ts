/** Modules of the OpenID conformance suite, under their names: when the user is asked, and for what. */
import { eventually } from "@gatehouse/testing/eventually.ts";
import { Browser } from "@gatehouse/testing/openid.ts";
import { describe, expect, it } from "vitest";
import {
  authorizationUrl,
  type Changes,
  claimsOf,
  errorOf,
  isPage,
  partyOfSuite,
  passPages,
  redeem,
  signIn,
  type Tokens,
  withoutPage,
} from "./support/party.ts";

const party = partyOfSuite();

/** The request opens the page on which a user signs in. */
async function opensSignIn(changes: Changes) {
  const browser = new Browser(party().server);
  const { url } = await authorizationUrl(party(), changes);
  const stop = await browser.open(url);
  expect(isPage(stop), stop.url.href).toBe(true);
  const details = (await browser.get(`${stop.url.pathname}/details`)).body;
  expect(details.prompt).toBe("login");
  return details;
}

/** What two ID tokens of one sign-in have in common. */
const signInOf = (tokens: Tokens) => ({ sub: tokens.claims()?.sub, authTime: tokens.claims()?.["auth_time"] });

describe("the parameter display", () => {
  it("oidcc-display-page: opens the sign-in page", async () => void (await opensSignIn({ display: "page" })));
  it("oidcc-display-popup: opens the sign-in page", async () => void (await opensSignIn({ display: "popup" })));
});

describe("the parameter prompt", () => {
  it("oidcc-prompt-login: asks a signed-in user to sign in again, and tells the later time", async () => {
    const { tokens, browser } = await signIn(party(), { max_age: "15000" });
    const first = Number(signInOf(tokens).authTime);
    await eventually(() => Math.floor(Date.now() / 1_000)).toBeGreaterThan(first);
    const again = await signIn(party(), { prompt: "login", max_age: "15000" }, browser);
    expect(again.shown[0]).toBe("login");
    expect(Number(signInOf(again.tokens).authTime)).toBeGreaterThan(first);
    expect(again.tokens.claims()?.sub).toBe(tokens.claims()?.sub);
  });

  it("oidcc-prompt-none-not-logged-in: goes back with login_required", async () => {
    const outcome = await withoutPage(party(), new Browser(party().server));
    expect([outcome.stop.url.host, errorOf(outcome), outcome.shown]).toEqual(["app.example", "login_required", []]);
  });

  it("oidcc-prompt-none-logged-in: shows no page to a signed-in user, and tells the same sign-in", async () => {
    const { tokens, browser } = await signIn(party(), { max_age: "15000" });
    const silent = await withoutPage(party(), browser, { max_age: "15000" });
    expect(silent.shown).toEqual([]);
    expect(signInOf(await redeem(party(), silent))).toEqual(signInOf(tokens));
  });
});

describe("the parameter max_age", () => {
  it("oidcc-max-age-1: asks to sign in again when a second has passed, and tells the later time", async () => {
    const { tokens, browser } = await signIn(party(), { max_age: "15000" });
    const first = Number(signInOf(tokens).authTime);
    await eventually(() => Math.floor(Date.now() / 1_000) - first).toBeGreaterThan(1);
    const again = await signIn(party(), { max_age: "1" }, browser);
    expect(again.shown[0]).toBe("login");
    expect(Number(signInOf(again.tokens).authTime)).toBeGreaterThan(first);
  });

  it("oidcc-max-age-10000: shows no page after a recent sign-in, and tells its time", async () => {
    const { tokens, browser } = await signIn(party(), { max_age: "15000" });
    expect(signInOf(tokens).authTime).toBeTypeOf("number");
    const again = await signIn(party(), { max_age: "10000" }, browser);
    expect(again.shown).toEqual([]);
    expect(signInOf(again.tokens)).toEqual(signInOf(tokens));
  });
});

describe("a hint", () => {
  it("oidcc-id-token-hint: names the signed-in user, and no page is shown", async () => {
    const { tokens, browser } = await signIn(party(), { max_age: "15000" });
    const silent = await withoutPage(party(), browser, { id_token_hint: tokens.id_token as string, max_age: "15000" });
    expect(silent.shown).toEqual([]);
    expect(signInOf(await redeem(party(), silent))).toEqual(signInOf(tokens));
  });

  it("oidcc-login-hint: is shown on the sign-in page", async () => {
    expect(await opensSignIn({ login_hint: "buffy@127.0.0.1" })).toMatchObject({ loginHint: "buffy@127.0.0.1" });
  });
});

describe("a parameter that the provider need not support", () => {
  const succeeds = async (changes: Changes) => {
    const { tokens, shown } = await signIn(party(), changes);
    expect(shown).toEqual(["login", "consent"]);
    expect(tokens.claims()?.sub).toBe(party().person.id);
    return claimsOf(tokens);
  };

  it("oidcc-ui-locales: causes no error", async () => void (await succeeds({ ui_locales: "se" })));
  it("oidcc-claims-locales: causes no error", async () => void (await succeeds({ claims_locales: "se" })));
  it("oidcc-ensure-request-with-unknown-parameter-succeeds: causes no error", async () => void (await succeeds({ extra: "foobar" })));

  it("oidcc-ensure-request-with-acr-values-succeeds: tells the class of the authentication", async () => {
    const supported = party().configuration.serverMetadata()["acr_values_supported"] as string[];
    expect(supported.length).toBeGreaterThan(0);
    expect(supported).toContain((await succeeds({ acr_values: supported.join(" ") }))["acr"]);
  });

  it("oidcc-alternate-happy-flow: takes scopes and parameters in any order", async () => {
    const browser = new Browser(party().server);
    const { url, checks } = await authorizationUrl(party(), { scope: "email profile openid" });
    url.search = new URLSearchParams([...url.searchParams].reverse()).toString();
    const outcome = { ...(await passPages(party(), browser, await browser.open(url))), checks };
    expect((await redeem(party(), outcome)).scope?.split(" ").sort()).toEqual(["email", "openid", "profile"]);
  });
});
