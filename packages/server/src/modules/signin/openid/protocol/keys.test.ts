import { expectOk } from "@gatehouse/testing/answers.ts";
import { Browser, callback, fetchOf, issuer, newClient, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, type Person } from "@gatehouse/testing/people.ts";
import { asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodeProtectedHeader } from "jose";
import { sql } from "kysely";
import * as oauth from "oauth4webapi";
import { beforeAll, describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";

/** The relying party is `oauth4webapi` here, which verifies signatures with the published keys. */
const server = serverOfSuite();
const insecure = { [oauth.allowInsecureRequests]: true } as const;
let administrator: Person;
let client: TestClient;
let metadata: oauth.AuthorizationServer;
const request = () => ({ ...insecure, [oauth.customFetch]: fetchOf(server) as never });
beforeAll(async () => {
  administrator = await newAdministrator(server);
  client = await newClient(server, administrator, {
    firstParty: true,
    tokenEndpointAuthMethod: "client_secret_post",
    scopes: ["openid", "offline_access", "User.Read"],
  });
  const discovered = await oauth.discoveryRequest(new URL(issuer), { ...request(), algorithm: "oauth2" });
  metadata = await oauth.processDiscoveryResponse(new URL(issuer), discovered);
});

async function signIn(resource: boolean) {
  // The library caches the key set by this object: a copy stands for a program that has not read it yet.
  const as = { ...metadata };
  const browser = await Browser.signedIn(server, administrator);
  const verifier = oauth.generateRandomCodeVerifier();
  const parameters = new URLSearchParams({
    client_id: client.id,
    response_type: "code",
    redirect_uri: callback,
    scope: resource ? "openid User.Read" : "openid",
    state: "s",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(resource ? { resource: issuer } : {}),
  });
  const back = await browser.open(`${as.authorization_endpoint}?${parameters}`);
  const given = oauth.validateAuthResponse(as, { client_id: client.id }, back.url, "s");
  const authentication = oauth.ClientSecretPost(client.secret as string);
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    { client_id: client.id },
    authentication,
    given,
    callback,
    verifier,
    request(),
  );
  const tokens = await oauth.processAuthorizationCodeResponse(as, { client_id: client.id }, response, { requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, response, request());
  return tokens;
}

const keyOf = (token: string): string => decodeProtectedHeader(token).kid as string;

describe("the keys of the OpenID Provider", () => {
  it("verify ID tokens and access tokens, which are of the type at+jwt", async () => {
    const { access_token: token, id_token: idToken } = await signIn(true);
    const call = new Request(`${issuer}/api`, { headers: { authorization: `Bearer ${token}` } });
    expect(await oauth.validateJwtAccessToken({ ...metadata }, call, issuer, request())).toMatchObject({
      sub: administrator.id,
      client_id: client.id,
    });
    expect(keyOf(idToken as string)).toBe(keyOf(token));
  });

  it("are replaced while it runs: what was given before goes on, and new tokens have the new key", async () => {
    const before = await signIn(false);
    await expectOk(server.call("POST /api/v1/token/keys/rotate", { token: administrator.token, body: { immediately: true } }));
    const after = await signIn(false);
    expect(keyOf(after.id_token as string)).not.toBe(keyOf(before.id_token as string));
    const authentication = oauth.ClientSecretPost(client.secret as string);
    const refreshed = await oauth.refreshTokenGrantRequest(
      metadata,
      { client_id: client.id },
      authentication,
      before.refresh_token as string,
      request(),
    );
    const tokens = await oauth.processRefreshTokenResponse(metadata, { client_id: client.id }, refreshed);
    expect(keyOf(tokens.id_token as string)).toBe(keyOf(after.id_token as string));
  });
});

describe("the state of the OpenID Provider", () => {
  const count = () =>
    server.application.platform.database.transact(everyTenant, async (tx) => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from openid_state`.execute(tx);
      return rows[0]?.count;
    });

  it("is deleted after it has expired, and not before", async () => {
    await signIn(false);
    const before = await count();
    expect(before).toBeGreaterThan(0);
    await asOperator(server, "openid.pruneState", {});
    expect(await count()).toBe(before);
    server.clock.advance(server.configuration.settings.sessionAbsoluteSeconds + 1);
    await asOperator(server, "openid.pruneState", {});
    expect(await count()).toBe(0);
  });
});
