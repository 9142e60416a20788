/** Modules of the OpenID conformance suite, under their names: what the provider says about itself. */
import { fetchOf, issuer } from "@gatehouse/testing/openid.ts";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { partyOfSuite } from "./support/party.ts";

const party = partyOfSuite();

const read = async (path: string) => {
  const response = await fetchOf(party().server)(issuer + path);
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    expect.stringMatching(/^application\/(?:jwk-set\+)?json\b/),
  ]);
  return response.json() as Promise<Record<string, unknown>>;
};

describe("the configuration", () => {
  it("oidcc-discovery-endpoint-verification: has what OpenID Connect Discovery §3 requires, and only what is offered", async () => {
    const metadata = await read("/.well-known/openid-configuration");
    expect(metadata).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/oauth2/auth`,
      token_endpoint: `${issuer}/oauth2/token`,
      userinfo_endpoint: `${issuer}/oauth2/userinfo`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: ["code"],
      response_modes_supported: expect.arrayContaining(["query"]),
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: expect.arrayContaining(["openid", "profile", "email", "offline_access"]),
      token_endpoint_auth_methods_supported: expect.arrayContaining(["client_secret_basic", "client_secret_post", "private_key_jwt"]),
      claims_supported: expect.arrayContaining(["sub", "iss", "auth_time", "acr", "name", "email"]),
    });
    expect(metadata["grant_types_supported"]).toEqual(expect.arrayContaining(["authorization_code", "refresh_token"]));
    expect(metadata["grant_types_supported"]).not.toContain("implicit");
    // Absent means true for the second one (OpenID Connect Discovery §3).
    expect([metadata["claims_parameter_supported"] ?? false, metadata["request_uri_parameter_supported"] ?? true]).toEqual([false, false]);
    expect(metadata["request_parameter_supported"] ?? false).toBe(false);
    expect(metadata).not.toHaveProperty("registration_endpoint");
  });

  it("has the keys of its signatures, each with an id, and no private member", async () => {
    const { keys } = (await read("/.well-known/jwks.json")) as { readonly keys: readonly JWK[] };
    expect(keys.length).toBeGreaterThan(0);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    for (const key of keys) {
      expect(key).toMatchObject({ kty: "RSA", use: "sig", kid: expect.any(String) });
      for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) expect(key).not.toHaveProperty(secret);
    }
  });
});
