/** Modules of the OpenID conformance suite, under their names: what a code is redeemed for. */
import { fetchOf, issuer, newClient, relyingParty } from "@gatehouse/testing/openid.ts";
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";
import * as openid from "openid-client";
import { describe, expect, it } from "vitest";
import { authorize, claimsOf, errorOf, headerOf, partyOfSuite, redeem, signIn } from "./support/party.ts";

const party = partyOfSuite();

describe("the code flow", () => {
  it("oidcc-server: gives a code with its state and issuer, and tokens about the user who signed in", async () => {
    const outcome = await authorize(party());
    expect(outcome.shown).toEqual(["login", "consent"]);
    expect(Object.fromEntries(outcome.stop.url.searchParams)).toEqual({
      code: expect.any(String),
      state: outcome.checks.expectedState,
      iss: issuer,
    });
    const tokens = await redeem(party(), outcome);
    const { person, client } = party();
    expect(tokens).toMatchObject({ token_type: "bearer", expires_in: expect.any(Number), scope: "openid profile email" });
    const claims = claimsOf(tokens);
    expect(claims).toMatchObject({ iss: issuer, sub: person.id, aud: client.id, nonce: outcome.checks.expectedNonce });
    expect(Number(claims["exp"])).toBeGreaterThan(Number(claims["iat"]));
    expect(Buffer.byteLength(String(claims["sub"]))).toBeLessThanOrEqual(255);
  });

  it("oidcc-response-type-missing: goes back with an error", async () => {
    const outcome = await authorize(party(), { response_type: null });
    expect(errorOf(outcome)).toMatch(/^(?:invalid_request|unsupported_response_type)$/);
    expect(outcome.stop.url.searchParams.has("code")).toBe(false);
  });

  it("oidcc-idtoken-signature: signs the ID token with RS256 and a published key where the client names no algorithm", async () => {
    const { tokens } = await signIn(party());
    const published = new URL(party().configuration.serverMetadata().jwks_uri as string);
    const keys = createRemoteJWKSet(published, { [customFetch]: fetchOf(party().server) as typeof fetch });
    const { protectedHeader } = await jwtVerify(tokens.id_token as string, keys, { issuer, audience: party().client.id });
    expect(protectedHeader).toMatchObject({ alg: "RS256", kid: expect.any(String) });
  });

  it("oidcc-ensure-request-without-nonce-succeeds-for-code-flow: needs no nonce, and returns none", async () => {
    const { tokens } = await signIn(party(), { nonce: null });
    expect(tokens.claims()).not.toHaveProperty("nonce");
  });

  it("oidcc-ensure-request-with-valid-pkce-succeeds: redeems a code with its verifier", async () => {
    const outcome = await authorize(party(), {});
    expect(outcome.checks.pkceCodeVerifier).toBeTypeOf("string");
    expect((await redeem(party(), outcome)).claims()?.sub).toBe(party().person.id);
  });

  it("oidcc-server-client-secret-post: authenticates the client by its secret in the body", async () => {
    const { server, administrator } = party();
    const client = await newClient(server, administrator, { tokenEndpointAuthMethod: "client_secret_post" });
    const configuration = await relyingParty(server, client, openid.ClientSecretPost(client.secret));
    openid.enableNonRepudiationChecks(configuration);
    const { tokens } = await signIn({ ...party(), client, configuration });
    expect(headerOf(tokens).alg).toBe("RS256");
    expect(tokens.claims()?.aud).toBe(client.id);
  });

  it("oidcc-refresh-token: refreshes for the client that it was issued to, and for no other", async () => {
    const { server, administrator, configuration } = party();
    const { tokens } = await signIn(party(), { scope: "openid email offline_access", prompt: "consent" });
    const refreshToken = tokens.refresh_token as string;
    const other = await relyingParty(server, await newClient(server, administrator));
    await expect(openid.refreshTokenGrant(other, refreshToken)).rejects.toMatchObject({ error: "invalid_grant" });
    const refreshed = await openid.refreshTokenGrant(configuration, refreshToken);
    const { iss, sub, aud, auth_time: authTime } = tokens.claims() ?? {};
    expect(refreshed.claims()).toMatchObject({ iss, sub, aud });
    expect(refreshed.claims()?.["auth_time"]).toBe(authTime);
    expect(refreshed.access_token).not.toBe(tokens.access_token);
    await openid.fetchUserInfo(configuration, refreshed.access_token, sub as string);
  });
});
