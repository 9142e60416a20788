/** Modules of the OpenID conformance suite, under their names: requests that are refused, sent otherwise, or repeated. */
import { Browser, callback, issuer } from "@gatehouse/testing/openid.ts";
import { password } from "@gatehouse/testing/people.ts";
import { describe, expect, it, vi } from "vitest";
import {
  authorizationUrl,
  authorize,
  basicOf,
  type Changes,
  errorOf,
  type Outcome,
  partyOfSuite,
  passPages,
  redeem,
  sendForm,
  signIn,
} from "./support/party.ts";

const party = partyOfSuite();

/** A request object without a signature (RFC 9101). */
const unsigned = (claims: object): string =>
  [{ alg: "none" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".")
    .concat(".");

function requestObject(claims: object): string {
  const { id: clientId } = party().client;
  return unsigned({
    iss: clientId,
    aud: issuer,
    client_id: clientId,
    response_type: "code",
    redirect_uri: callback,
    scope: "openid",
    ...claims,
  });
}

const noCode = ({ stop }: Outcome) => expect(stop.url.searchParams.has("code")).toBe(false);

describe("a redirect address", () => {
  it("oidcc-ensure-registered-redirect-uri: that is not registered gets an error page, and no redirect", async () => {
    const outcome = await authorize(party(), { redirect_uri: "https://app.example/callback/other" });
    expect([outcome.stop.url.origin, outcome.stop.status]).toEqual([issuer, 400]);
    expect(outcome.stop.body).toContain("redirect_uri");
  });
});

describe("a request object", () => {
  const refused = async (changes: Changes, error: string) => {
    const outcome = await authorize(party(), changes);
    noCode(outcome);
    expect([outcome.shown, errorOf(outcome)]).toEqual([[], error]);
  };

  it("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported: is rejected as unsupported", async () =>
    refused({ request: requestObject({ state: "of the object" }) }, "request_not_supported"));

  it("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported: by reference is rejected as unsupported", () =>
    refused({ request_uri: "https://app.example/request.jwt" }, "request_uri_not_supported"));

  it("oidcc-ensure-request-object-with-redirect-uri: with another redirect is not ignored", async () =>
    refused({ request: requestObject({ redirect_uri: `${callback}/other` }) }, "request_not_supported"));
});

describe("a request that is sent as a form", () => {
  it("oidcc-ensure-post-request-succeeds: is answered like one with a query", async () => {
    const browser = new Browser(party().server);
    const { url, checks } = await authorizationUrl(party());
    const posted = await browser.submit(url.pathname, Object.fromEntries(url.searchParams));
    expect([posted.status, posted.headers["set-cookie"]]).toEqual([303, undefined]);
    const location = new URL(String(posted.headers["location"]), issuer);
    expect(location.href).toBe(url.href);
    const outcome = { ...(await passPages(party(), browser, await browser.open(location))), checks };
    expect(outcome.shown).toEqual(["login", "consent"]);
    expect((await redeem(party(), outcome)).claims()?.sub).toBe(party().person.id);
  });

  it.each([
    ["application/json", "{}", 415],
    ["application/x-www-form-urlencoded", `state=${"x".repeat(9_000)}`, 413],
  ])("is refused as %s that is no form, or too long for an address", async (type, payload, status) => {
    const { statusCode, headers } = await party().server.http.inject({
      method: "POST",
      url: "/oauth2/auth",
      headers: { "content-type": type },
      payload,
    });
    expect([statusCode, headers["location"]]).toEqual([status, undefined]);
  });

  it("keeps parameters that are sent twice, and they are refused", async () => {
    const browser = new Browser(party().server);
    const { url } = await authorizationUrl(party());
    const { statusCode, headers } = await party().server.http.inject({
      method: "POST",
      url: "/oauth2/auth",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: `${url.searchParams}&scope=openid`,
    });
    expect(statusCode).toBe(303);
    const stop = await browser.open(String(headers["location"]));
    expect([stop.url.searchParams.get("error"), stop.url.searchParams.has("code")]).toEqual(["invalid_request", false]);
  });
});

describe("a code that is used again", () => {
  async function used() {
    const { stop, checks, tokens } = await signIn(party());
    const form = {
      grant_type: "authorization_code",
      code: stop.url.searchParams.get("code") as string,
      redirect_uri: callback,
      code_verifier: checks.pkceCodeVerifier as string,
    };
    const authorization = { authorization: basicOf(party().client) };
    return { tokens, again: () => sendForm(party(), "/oauth2/token", form, authorization) };
  }
  const userinfoStatus = async (token: string) =>
    (await sendForm(party(), "/oauth2/userinfo", {}, { authorization: `Bearer ${token}` })).status;

  it("oidcc-codereuse: at once is refused with invalid_grant", async () => {
    const { again } = await used();
    expect(await again()).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  it("oidcc-codereuse-30seconds: after half a minute is refused, and the first access token is revoked", async () => {
    const { tokens, again } = await used();
    expect(await userinfoStatus(tokens.access_token)).toBe(200);
    vi.setSystemTime(Date.now() + 30_000);
    try {
      expect(await again()).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    } finally {
      vi.useRealTimers();
    }
    expect(await userinfoStatus(tokens.access_token)).toBe(401);
  });
});

describe("a code", () => {
  it("is redeemed within a minute, and not later", async () => {
    const [soon, late] = [await authorize(party()), await authorize(party())];
    vi.setSystemTime(Date.now() + 50_000);
    try {
      expect((await redeem(party(), soon)).token_type).toBe("bearer");
      vi.setSystemTime(Date.now() + 20_000);
      await expect(redeem(party(), late)).rejects.toMatchObject({ error: "invalid_grant" });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a grant", () => {
  it.each([
    ["client_credentials", "unauthorized_client"],
    ["password", "unsupported_grant_type"],
    ["urn:ietf:params:oauth:grant-type:device_code", "unauthorized_client"],
  ])("%s is not for a client without it", async (grantType, error) => {
    const form = { grant_type: grantType, username: party().person.email, password, device_code: "x", scope: "openid" };
    const answer = await sendForm(party(), "/oauth2/token", form, { authorization: basicOf(party().client) });
    expect(answer).toMatchObject({ status: 400, body: { error } });
  });

  it("of tokens in the redirect is not offered", async () => {
    for (const responseType of ["token", "id_token", "id_token token", "code id_token", "code token"]) {
      const outcome = await authorize(party(), { response_type: responseType });
      expect(`${outcome.stop.url} ${outcome.stop.body}`, responseType).toContain("unsupported_response_type");
      expect(outcome.stop.url.href).not.toMatch(/(?:access|id)_token=/);
    }
  });
});

describe("a confidential client", () => {
  it.each(["/oauth2/token", "/oauth2/par", "/oauth2/revoke", "/oauth2/introspect"])("is authenticated at %s", async (path) => {
    const form = { client_id: party().client.id, grant_type: "authorization_code", code: "x", token: "x" };
    expect(await sendForm(party(), path, form)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    const wrong = basicOf({ ...party().client, secret: `ghc_${"x".repeat(43)}` });
    expect(await sendForm(party(), path, form, { authorization: wrong })).toMatchObject({ status: 401, body: { error: "invalid_client" } });
  });
});
