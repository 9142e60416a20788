import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  authorizationRequest,
  Browser,
  callback,
  fetchOf,
  issuer,
  newClient,
  relyingParty,
  type TestClient,
} from "@gatehouse/testing/openid.ts";
import { anAddress, newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";
import { httpAppBodyBytesMax } from "#operation/declaration/http-app.ts";

const vectors = process.env["GATEHOUSE_VECTORS"] ?? join(import.meta.dirname, "../../../../../../../../shared/vectors");
const payloads = ["open-redirect-payloads.txt", "crlf.txt"]
  .map((name) => join(vectors, "open-redirect", name))
  .filter(existsSync)
  .flatMap((file) => readFileSync(file, "utf8").split("\n"))
  .filter((line) => line !== "");

const server = serverOfSuite();
let administrator: Person;
let person: Person;
let client: TestClient;
let configuration: openid.Configuration;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  person = await newPerson(server);
  client = await newClient(server, administrator, {
    firstParty: true,
    postLogoutRedirectUris: ["https://app.example/out"],
    deviceFlow: true,
  });
  configuration = await relyingParty(server, client);
});

const basic = () => `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`;

async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const payload = new URLSearchParams(form).toString();
  return server.http.inject({ method: "POST", url: path, remoteAddress: anAddress(), headers: { ...type, ...headers }, payload });
}

describe("the host of a request", () => {
  const forged = {
    host: "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "gopher",
    forwarded: "host=evil.example",
  };

  it.each([
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/oauth2/logout",
  ])("does not appear in the answer of %s", async (url) => {
    const { body, headers, statusCode } = await server.http.inject({ url, headers: forged });
    expect(statusCode).toBeLessThan(400);
    expect(`${body} ${JSON.stringify(headers)}`).not.toMatch(/evil\.example|gopher/);
    if (url.startsWith("/.well-known")) expect(body).toContain(issuer);
  });

  it("does not appear in a redirect, in the addresses for a device, or in a pushed request", async () => {
    const { url } = await authorizationRequest(configuration);
    const redirected = await server.http.inject({ url: url.pathname + url.search, headers: { ...forged, accept: "text/html" } });
    expect(redirected.statusCode).toBe(303);
    const answers = [
      redirected,
      await post("/oauth2/device/auth", { scope: "openid" }, { ...forged, authorization: basic() }),
      await post("/oauth2/par", Object.fromEntries(url.searchParams), { ...forged, authorization: basic() }),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([303, 200, 201]);
    for (const { body, headers } of answers) expect(`${body} ${JSON.stringify(headers)}`).not.toMatch(/evil\.example|gopher/);
  });
});

describe("a redirect", () => {
  it.skipIf(payloads.length === 0)("goes to no address that is not registered: none of the known payloads", async () => {
    const browser = await Browser.signedIn(server, person);
    const { url } = await authorizationRequest(configuration);
    for (const payload of [
      ...payloads,
      `${callback}/..`,
      `${callback}?x=1`,
      `${callback}#x`,
      "https://app.example.evil.example/callback",
    ]) {
      url.searchParams.set("redirect_uri", payload);
      const answer = await server.http.inject({
        url: url.pathname + url.search,
        remoteAddress: anAddress(),
        headers: { accept: "text/html" },
      });
      expect([answer.statusCode, answer.headers["location"]], payload).toEqual([400, undefined]);
      expect(answer.headers["content-security-policy"]).toContain("default-src 'none'");
    }
    expect((await browser.open((await authorizationRequest(configuration)).url)).url.host).toBe("app.example");
  });

  it.skipIf(payloads.length === 0)("after a sign-out goes to no address that is not registered", async () => {
    const browser = await Browser.signedIn(server, person);
    const { url, checks } = await authorizationRequest(configuration);
    const { id_token: idToken = "" } = await openid.authorizationCodeGrant(configuration, (await browser.open(url)).url, checks);
    for (const payload of payloads) {
      const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: payload });
      const answer = await server.http.inject({ url: `/oauth2/logout?${query}`, headers: { accept: "text/html" } });
      expect([answer.statusCode, answer.headers["location"]], payload).toEqual([400, undefined]);
    }
  });

  it("error page shows nothing of the request as markup", async () => {
    const attack = "<script>alert(1)</script>";
    const query = new URLSearchParams({ client_id: attack, redirect_uri: attack, state: attack });
    const { body } = await server.http.inject({ url: `/oauth2/auth?${query}`, headers: { accept: "text/html" } });
    expect(body).not.toContain("<script");
  });
});

describe("a code", () => {
  const codeOf = async (parameters: Record<string, string> = {}) => {
    const browser = await Browser.signedIn(server, person);
    const { url, checks } = await authorizationRequest(configuration, parameters);
    const back = await browser.open(url);
    return {
      code: back.url.searchParams.get("code") ?? "",
      error: back.url.searchParams.get("error"),
      verifier: checks.pkceCodeVerifier as string,
    };
  };
  const redeem = (form: Record<string, string>, authorization = basic()) =>
    post("/oauth2/token", { grant_type: "authorization_code", redirect_uri: callback, ...form }, { authorization });

  it("is not given with another challenge method than S256", async () => {
    expect((await codeOf({ code_challenge_method: "plain" })).error).toBe("invalid_request");
  });

  it("is not redeemed with a wrong verifier, with none, or with another redirect", async () => {
    const { code, verifier } = await codeOf();
    const wrong = [
      { code_verifier: openid.randomPKCECodeVerifier() },
      {},
      { code_verifier: verifier, redirect_uri: "https://app.example/other" },
    ];
    for (const form of wrong) {
      const answer = await redeem({ code, ...(form as Record<string, string>) });
      expect([answer.statusCode, answer.json().error]).toEqual([400, "invalid_grant"]);
    }
  });

  it("of one client is not redeemed by another, and is still good for its own", async () => {
    const { code, verifier } = await codeOf();
    const thief = await newClient(server, administrator, { firstParty: true });
    const stolen = await redeem(
      { code, code_verifier: verifier },
      `Basic ${Buffer.from(`${thief.id}:${thief.secret}`).toString("base64")}`,
    );
    expect([stolen.statusCode, stolen.json().error]).toEqual([400, "invalid_grant"]);
    expect((await redeem({ code, code_verifier: verifier })).statusCode).toBe(200);
  });
});

describe("a code that is used again", () => {
  it("ends the tokens of its first use, JWT access tokens as well", async () => {
    const app = await newClient(server, administrator, { firstParty: true, scopes: ["openid", "User.Read"] });
    const party = await relyingParty(server, app);
    const { url, checks } = await authorizationRequest(party, { scope: "openid User.Read" });
    const back = await (await Browser.signedIn(server, administrator)).open(url);
    const { access_token: token } = await openid.authorizationCodeGrant(party, back.url, checks);
    expect((await server.call("GET /api/v1/users", { token })).status).toBe(200);
    await expect(openid.authorizationCodeGrant(party, back.url, checks)).rejects.toMatchObject({ error: "invalid_grant" });
    expect((await server.call("GET /api/v1/users", { token })).status).toBe(401);
  });
});

describe("an unauthenticated caller", () => {
  it("starts a bounded number of authorizations from an address", async () => {
    const from = anAddress();
    const start = () => server.http.inject({ url: "/oauth2/auth?client_id=unknown", remoteAddress: from });
    const statuses = new Set<number>();
    for (let count = 0; count < 300; count += 1) statuses.add((await start()).statusCode);
    expect([...statuses]).toEqual([400]);
    const refused = await start();
    expect([refused.statusCode, Number(refused.headers["retry-after"])]).toEqual([429, expect.any(Number)]);
  });

  it("that fails to authenticate as a client gets no more attempts after sixty", async () => {
    const fetch = fetchOf(server, anAddress());
    const headers = {
      authorization: `Basic ${Buffer.from(`${client.id}:wrong`).toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    };
    const attempt = async () =>
      (await fetch(`${issuer}/oauth2/token`, { method: "POST", headers, body: "grant_type=client_credentials" })).status;
    for (let count = 0; count < 60; count += 1) expect(await attempt()).toBe(401);
    expect(await attempt()).toBe(429);
  });

  it("sends no body above the limit", async () => {
    const answer = await post("/oauth2/token", { grant_type: "x".repeat(httpAppBodyBytesMax) }, { authorization: basic() });
    expect(answer.statusCode).toBe(413);
  });

  it.each([
    ["/oauth2/token", "grant_type=refresh_token&refresh_token=a&refresh_token=b"],
    ["/oauth2/token", "\u0000=%ff%00"],
    ["/oauth2/introspect", "token=eyJ.eyJ.eyJ&token=x"],
    ["/oauth2/revoke", "token=eyJhbGciOiJub25lIn0.e30."],
    ["/oauth2/par", "request=eyJ"],
    ["/oauth2/device/auth", "scope=%00"],
  ])("gets an answer of OAuth for nonsense at %s, never a 5xx", async (url, payload) => {
    const headers = { "content-type": "application/x-www-form-urlencoded", authorization: basic() };
    const answer = await server.http.inject({ method: "POST", url, headers, payload, remoteAddress: anAddress() });
    expect(answer.statusCode, answer.body).toBeLessThan(500);
  });

  it("cannot read answers from a script of another site", async () => {
    const answer = await post(
      "/oauth2/token",
      { grant_type: "client_credentials" },
      { authorization: basic(), origin: "https://evil.example" },
    );
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  });
});
