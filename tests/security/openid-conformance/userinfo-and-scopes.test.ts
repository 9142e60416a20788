/** Modules of the OpenID conformance suite, under their names: the claims about a user. */
import { fetchOf, issuer } from "@gatehouse/testing/openid.ts";
import { describe, expect, it } from "vitest";
import { type Changes, partyOfSuite, sendForm, signIn } from "./support/party.ts";

const party = partyOfSuite();

async function userinfo(accessToken: string): Promise<Record<string, unknown>> {
  const response = await fetchOf(party().server)(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^application\/json\b/)]);
  return (await response.json()) as Record<string, unknown>;
}

/** The claims that a request gives, and the scopes that were granted. */
async function claimsFor(changes: Changes) {
  const { tokens } = await signIn(party(), changes);
  return { granted: tokens.scope, claims: await userinfo(tokens.access_token) };
}

describe("the UserInfo endpoint", () => {
  it("oidcc-userinfo-get: answers with the subject of the ID token", async () => {
    const { tokens } = await signIn(party());
    expect(await userinfo(tokens.access_token)).toMatchObject({ sub: tokens.claims()?.sub });
  });

  it("oidcc-userinfo-post-header: answers a POST with the access token in its header", async () => {
    const { tokens } = await signIn(party());
    const answer = await sendForm(party(), "/oauth2/userinfo", {}, { authorization: `Bearer ${tokens.access_token}` });
    expect(answer).toMatchObject({ status: 200, body: { sub: party().person.id } });
  });

  it("oidcc-userinfo-post-body: answers a POST with the access token in its body", async () => {
    const { tokens } = await signIn(party());
    const answer = await sendForm(party(), "/oauth2/userinfo", { access_token: tokens.access_token });
    expect(answer).toMatchObject({ status: 200, body: { sub: party().person.id } });
  });
});

const emailClaims = ["email", "email_verified"];
const profileClaims = ["family_name", "given_name", "locale", "name", "updated_at"];

/** RFC 6749 §3.3: the scope of the answer tells that it is less than what was requested. */
async function isIgnored(scope: string): Promise<void> {
  expect(party().configuration.serverMetadata().scopes_supported).not.toContain(scope);
  const { granted, claims } = await claimsFor({ scope: `openid ${scope}` });
  expect([granted, claims]).toEqual(["openid", { sub: party().person.id }]);
}

describe("a scope", () => {
  it("oidcc-scope-profile: gives the claims of the profile at the UserInfo endpoint", async () => {
    const { granted, claims } = await claimsFor({ scope: "openid profile" });
    expect([granted, Object.keys(claims).sort()]).toEqual(["openid profile", [...profileClaims, "sub"].sort()]);
    expect(claims["name"]).toBe("Buffy Test");
  });

  it("oidcc-scope-email: gives the verified address at the UserInfo endpoint", async () => {
    const { granted, claims } = await claimsFor({ scope: "openid email" });
    expect([granted, Object.keys(claims).sort()]).toEqual(["openid email", [...emailClaims, "sub"].sort()]);
    expect(claims).toMatchObject({ email: party().person.email, email_verified: true });
  });

  it("oidcc-scope-address: is not offered; a request with it succeeds without it", () => isIgnored("address"));

  it("oidcc-scope-phone: is not offered; a request with it succeeds without it", () => isIgnored("phone"));

  it("oidcc-scope-all: gives what is offered of all together", async () => {
    const { granted, claims } = await claimsFor({ scope: "openid profile email address phone" });
    expect(granted).toBe("openid profile email");
    expect(Object.keys(claims).sort()).toEqual([...emailClaims, ...profileClaims, "sub"].sort());
  });

  it("oidcc-claims-essential: a request that names an essential claim succeeds, and the scope gives it", async () => {
    const { claims } = await claimsFor({
      scope: "openid profile",
      claims: JSON.stringify({ userinfo: { name: { essential: true } } }),
    });
    expect(claims["name"]).toBe("Buffy Test");
  });

  it("no ID token of the code flow has the claims of the UserInfo endpoint", async () => {
    const { tokens } = await signIn(party(), { scope: "openid profile email" });
    for (const claim of [...emailClaims, ...profileClaims]) expect(tokens.claims()).not.toHaveProperty(claim);
  });
});
