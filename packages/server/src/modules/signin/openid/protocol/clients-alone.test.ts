import { authorizationRequest, Browser, callback, fetchOf, issuer, newClient, relyingParty } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newOrganization, newPerson, type OrganizationOf, type Person } from "@gatehouse/testing/people.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { exportJWK, generateKeyPair } from "jose";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
let organization: OrganizationOf;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  organization = await newOrganization(server);
});

const decoded = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString("utf8"));

async function serviceClient(scopes: readonly string[]) {
  const { token } = organization.owner;
  const roles = await server.call(`GET /api/v1/iam/roles?organizationId=${organization.id}&limit=200`, { token });
  const owner = roles.body.items.find(
    (role: { name: string; organizationId: string }) => role.name === "Owner" && role.organizationId === organization.id,
  );
  const account = await newServiceAccount(server, token, organization.id, [owner.id]);
  const body = { organizationId: organization.id, kind: "service", name: `Importer ${account.id}`, scopes, serviceAccountId: account.id };
  const created = await server.call("POST /api/v1/clients", { token, body });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  return { id: created.body.id, secret: created.body.clientSecret, accountId: account.id };
}

describe("a service client", () => {
  it("gets a token of its service account, limited to its scopes, that the API accepts", async () => {
    const client = await serviceClient(["Organization.Read"]);
    const configuration = await relyingParty(server, client);
    const { access_token: token, expires_in, token_type } = await openid.clientCredentialsGrant(configuration);
    expect([expires_in, token_type]).toEqual([server.configuration.settings.accessTokenSeconds, "bearer"]);
    expect(decoded(token)).toMatchObject({
      iss: issuer,
      aud: issuer,
      sub: client.accountId,
      sub_kind: "service",
      tid: organization.id,
      client_id: client.id,
      scope: "Organization.Read",
    });
    expect((await server.call(`GET /api/v1/iam/organizations/${organization.id}`, { token })).status).toBe(200);
    expect((await server.call(`GET /api/v1/iam/organizations/${organization.id}/memberships`, { token })).status).toBe(403);
  });

  it("gets fewer scopes where it asks for fewer, and no others", async () => {
    const configuration = await relyingParty(server, await serviceClient(["Organization.Read", "Organization.Update"]));
    expect(decoded((await openid.clientCredentialsGrant(configuration, { scope: "Organization.Read" })).access_token).scope).toBe(
      "Organization.Read",
    );
    expect(decoded((await openid.clientCredentialsGrant(configuration, { scope: "Organization.InviteMember" })).access_token).scope).toBe(
      "",
    );
  });

  it("gets no token for another resource, and none with a wrong secret", async () => {
    const client = await serviceClient(["Organization.Read"]);
    const configuration = await relyingParty(server, client);
    await expect(openid.clientCredentialsGrant(configuration, { resource: "https://elsewhere.example" })).rejects.toMatchObject({
      error: "invalid_target",
    });
    const wrong = await relyingParty(server, { ...client, secret: `ghc_${"A".repeat(43)}` });
    await expect(openid.clientCredentialsGrant(wrong)).rejects.toMatchObject({ status: 401 });
  });

  it("authenticates by a signed assertion once: a copy of it is refused", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const client = await serviceClient(["Organization.Read"]);
    const jwk = { ...(await exportJWK(publicKey)), alg: "ES256", use: "sig", kid: "k1" };
    const changed = await server.call(`PATCH /api/v1/clients/${client.id}`, {
      token: organization.owner.token,
      body: { tokenEndpointAuthMethod: "private_key_jwt", jwks: { keys: [jwk] } },
    });
    expect(changed.status, JSON.stringify(changed.body)).toBe(200);
    const sent: { url: string; init: RequestInit }[] = [];
    const configuration = await relyingParty(server, client, openid.PrivateKeyJwt({ key: privateKey, kid: "k1" }));
    const fetch = fetchOf(server);
    configuration[openid.customFetch] = ((url: string, init: RequestInit) => {
      sent.push({ url, init });
      return fetch(url, init);
    }) as openid.CustomFetch;
    expect((await openid.clientCredentialsGrant(configuration)).access_token).toMatch(/^eyJ/);
    const [first] = sent;
    const again = await fetch(first?.url as string, { ...first?.init, body: String(first?.init.body) });
    expect([again.status, ((await again.json()) as { error: string }).error]).toEqual([401, "invalid_client"]);
  });

  it("learns about its token, and ends it: it is refused from then on", async () => {
    const client = await serviceClient(["Organization.Read"]);
    const configuration = await relyingParty(server, client);
    const { access_token: token } = await openid.clientCredentialsGrant(configuration);
    expect(await openid.tokenIntrospection(configuration, token)).toMatchObject({
      active: true,
      sub: client.accountId,
      client_id: client.id,
      scope: "Organization.Read",
    });
    const other = await relyingParty(server, await serviceClient(["Organization.Read"]));
    await expect(openid.tokenRevocation(other, token)).rejects.toMatchObject({ error: "invalid_request" });
    await openid.tokenRevocation(configuration, token);
    expect(await openid.tokenIntrospection(configuration, token)).toEqual({ active: false });
    expect((await server.call(`GET /api/v1/iam/organizations/${organization.id}`, { token })).status).toBe(401);
  });
});

describe("a token", () => {
  it("of another organization is unknown to a client, and of a public client to itself", async () => {
    const { access_token: token } = await openid.clientCredentialsGrant(
      await relyingParty(server, await serviceClient(["Organization.Read"])),
    );
    organization = await newOrganization(server);
    const foreign = await relyingParty(server, await serviceClient(["Organization.Read"]));
    expect(await openid.tokenIntrospection(foreign, token)).toEqual({ active: false });
    const publicClient = await relyingParty(server, await newClient(server, administrator, { kind: "public" }));
    expect(await openid.tokenIntrospection(publicClient, token)).toEqual({ active: false });
  });

  it("of a user for this API is for the scopes that were granted, and ends with the session", async () => {
    const client = await newClient(server, administrator, { firstParty: true, scopes: ["openid", "User.Read"] });
    const configuration = await relyingParty(server, client);
    const user = await newAdministrator(server);
    const browser = await Browser.signedIn(server, user);
    const { url, checks } = await authorizationRequest(configuration, { scope: "openid User.Read" });
    const back = await browser.open(url);
    expect(back.url.searchParams.get("error_description")).toBeNull();
    const tokens = await openid.authorizationCodeGrant(configuration, back.url, checks);
    const { access_token: token } = tokens;
    expect(decoded(token)).toMatchObject({ sub: user.id, scope: "User.Read", client_id: client.id, sid: expect.any(String), amr: ["pwd"] });
    expect((await server.call("GET /api/v1/users", { token })).status).toBe(200);
    expect((await server.call("GET /api/v1/iam/users/me", { token })).status).toBe(403);
    expect((await browser.post("/api/v1/iam/auth/logout", {})).status).toBe(204);
    expect((await server.call("GET /api/v1/users", { token })).status).toBe(401);
    expect(await openid.tokenIntrospection(configuration, token)).toEqual({ active: false });
  });
});

describe("an authorization request", () => {
  it("can be pushed, and is used once", async () => {
    const configuration = await relyingParty(server, await newClient(server, administrator, { firstParty: true }));
    const browser = await Browser.signedIn(server, await newPerson(server));
    const verifier = openid.randomPKCECodeVerifier();
    const url = await openid.buildAuthorizationUrlWithPAR(configuration, {
      redirect_uri: callback,
      scope: "openid",
      state: "s",
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    expect([...url.searchParams.keys()].sort()).toEqual(["client_id", "request_uri"]);
    const back = await browser.open(url);
    expect(back.url.searchParams.get("error")).toBeNull();
    await openid.authorizationCodeGrant(configuration, back.url, { pkceCodeVerifier: verifier, expectedState: "s" });
    expect((await browser.open(url)).url.searchParams.get("error")).toBe("invalid_request_uri");
  });

  it("is refused without PKCE, also of a confidential client", async () => {
    const configuration = await relyingParty(server, await newClient(server, administrator, { firstParty: true }));
    const browser = await Browser.signedIn(server, await newPerson(server));
    const back = await browser.open(openid.buildAuthorizationUrl(configuration, { redirect_uri: callback, scope: "openid", state: "s" }));
    expect(back.url.searchParams.get("error")).toBe("invalid_request");
  });
});

describe("tokens that are bound to a key (DPoP)", () => {
  it("are used with proofs of it, each once", async () => {
    const configuration = await relyingParty(
      server,
      await newClient(server, administrator, { kind: "public", firstParty: true, dpopBound: true }),
    );
    const keys = await openid.randomDPoPKeyPair("ES256");
    const DPoP = openid.getDPoPHandle(configuration, keys);
    const person = await newPerson(server);
    const browser = await Browser.signedIn(server, person);
    const { url, checks } = await authorizationRequest(configuration);
    const back = await browser.open(url);
    await expect(openid.authorizationCodeGrant(configuration, back.url, checks)).rejects.toMatchObject({ error: "invalid_grant" });
    const again = await browser.open((await authorizationRequest(configuration)).url);
    expect(again.url.searchParams.get("code")).not.toBeNull();
    const second = await authorizationRequest(configuration);
    const tokens = await openid.authorizationCodeGrant(configuration, (await browser.open(second.url)).url, second.checks, undefined, {
      DPoP,
    });
    expect(tokens.token_type).toBe("dpop");
    expect(await openid.fetchUserInfo(configuration, tokens.access_token, person.id, { DPoP })).toMatchObject({ sub: person.id });
    await expect(openid.fetchUserInfo(configuration, tokens.access_token, person.id)).rejects.toThrow();
    const other = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair("ES256"));
    await expect(openid.refreshTokenGrant(configuration, tokens.refresh_token as string, undefined, { DPoP: other })).rejects.toMatchObject(
      { error: "invalid_grant" },
    );
    expect((await openid.refreshTokenGrant(configuration, tokens.refresh_token as string, undefined, { DPoP })).token_type).toBe("dpop");
  });
});
