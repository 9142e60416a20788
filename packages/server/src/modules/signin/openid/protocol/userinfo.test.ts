import { authorizationRequest, Browser, fetchOf, issuer, newClient, relyingParty, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newOrganization, newPerson, type Person, unique } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
const permission = `Library${unique().replace(/\W/g, "")}`;
let client: TestClient;
let configuration: openid.Configuration;
let person: Person;
beforeAll(async () => {
  const administrator = await newAdministrator(server);
  const body = { value: permission, scope: "Organization" };
  expect((await server.call("POST /api/v1/iam/permissions", { token: administrator.token, body })).status).toBe(201);
  const scopes = ["openid", "profile", "email", "offline_access", permission];
  client = await newClient(server, administrator, { firstParty: true, scopes });
  configuration = await relyingParty(server, client);
  person = await newPerson(server, "Lan");
  await newOrganization(server, person);
});

async function tokensFor(scope: string) {
  const browser = await Browser.signedIn(server, person);
  const { url, checks } = await authorizationRequest(configuration, { scope });
  const tokens = await openid.authorizationCodeGrant(configuration, (await browser.open(url)).url, checks);
  expect(tokens.access_token).toMatch(/^eyJ/);
  return { browser, tokens };
}

const userinfo = (token: string) => fetchOf(server)(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` } });

describe("userinfo with an access token for the API", () => {
  it("has the claims of the scopes that were granted with it, also after a refresh", async () => {
    const { tokens } = await tokensFor(`openid email offline_access ${permission}`);
    const claims = await openid.fetchUserInfo(configuration, tokens.access_token, person.id);
    expect(claims).toEqual({ sub: person.id, email: person.email, email_verified: true });
    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token as string);
    expect(refreshed.access_token).toMatch(/^eyJ/);
    expect(await openid.fetchUserInfo(configuration, refreshed.access_token, person.id)).toEqual(claims);
    const narrow = { scope: `openid ${permission}` };
    const narrowed = await openid.refreshTokenGrant(configuration, refreshed.refresh_token as string, narrow);
    expect(await openid.fetchUserInfo(configuration, narrowed.access_token, person.id)).toEqual({ sub: person.id });
  });

  it("is refused without the scope openid", async () => {
    const { tokens } = await tokensFor(permission);
    const { status, headers } = await userinfo(tokens.access_token);
    expect([status, headers.get("www-authenticate")]).toEqual([403, expect.stringContaining("insufficient_scope")]);
  });

  it("is refused after the session has ended, and after the token was revoked", async () => {
    const { browser, tokens } = await tokensFor(`openid ${permission}`);
    expect((await userinfo(tokens.access_token)).status).toBe(200);
    await browser.post("/api/v1/iam/auth/logout", {});
    expect((await userinfo(tokens.access_token)).status).toBe(401);
    const { tokens: others } = await tokensFor(`openid ${permission}`);
    await openid.tokenRevocation(configuration, others.access_token);
    expect((await userinfo(others.access_token)).status).toBe(401);
  });

  it("is refused for a token that no authorization has issued, and for one with another signature", async () => {
    const { tokens } = await tokensFor(`openid ${permission}`);
    const body = { email: person.email, password: "a quiet green harbour", issueTokens: true };
    const signIn = await server.call("POST /api/v1/iam/auth/login", { body });
    expect((await userinfo(signIn.body.accessToken)).status).toBe(401);
    const [header, payload] = tokens.access_token.split(".");
    const forged = `${header}.${payload}.${Buffer.alloc(256, 1).toString("base64url")}`;
    expect((await userinfo(forged)).status).toBe(401);
  });
});
