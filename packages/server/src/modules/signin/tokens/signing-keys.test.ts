import { randomBytes } from "node:crypto";
import { expectError, expectOk } from "@gatehouse/testing/answers.ts";
import { anAddress, newAdministrator, newPerson } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { createLocalJWKSet, jwtVerify } from "jose";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

/** With keys of its own, which this start creates. */
const ownKeys = () => ({ GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64") });
const server = serverOfSuite(ownKeys());

const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });
const published = (): Promise<AnyBody> => expectOk(server.call("GET /.well-known/jwks.json"));
const rotate = (token: string, body = {}) => server.call("POST /api/v1/token/keys/rotate", { token, body });
const kidOf = (token: string): string => decodedPart(token, 0)["kid"];

describe("signing keys", () => {
  it("are published with the next one, publicly and without private members, and may be cached", async () => {
    const answer = await server.call("GET /.well-known/jwks.json");
    expect(answer.headers["cache-control"]).toBe("public, max-age=300");
    const { keys } = answer.body;
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    const { rows } = await sql<{ text: string }>`select row_to_json(k)::text as text from signing_keys k`.execute(
      server.application.platform.database.owner,
    );
    for (const { text } of rows) expect(text).not.toContain("PRIVATE KEY");
  });

  it("rotate by stages: the published next key signs, and tokens in flight stay valid until they expire", async () => {
    const administrator = await newAdministrator(server);
    const { email } = await newPerson(server);
    const before = await published();
    const [current, next] = before.keys.map(({ kid }: AnyBody) => kid);
    expectError(await rotate(administrator.token), 409, "tokens.key_rotated_recently");
    server.clock.advance(600);
    const old = await signInWithTokens(server, email);
    expect(kidOf(old.accessToken)).toBe(current);
    expect((await expectOk(rotate(administrator.token))).id).toBe(next);
    const rotated = await signInWithTokens(server, email);
    expect(kidOf(rotated.accessToken)).toBe(next);
    for (const { accessToken } of [old, rotated]) expect((await me(accessToken)).status).toBe(200);
    const after = await published();
    expect(after.keys.map(({ kid }: AnyBody) => kid)).toEqual([next, expect.any(String), current]);
    // A verifier that has cached the former key set knows the key that signs now.
    const cached = createLocalJWKSet(before);
    await jwtVerify(rotated.accessToken, cached, { currentDate: new Date(server.clock.now()) });
    server.clock.advance(961);
    await asOperator(server, "tokens.rotateOldSigningKeys", {});
    expect((await published()).keys.map(({ kid }: AnyBody) => kid)).not.toContain(current);
    expectError(await me(old.accessToken), 401, "auth.credential_invalid");
  });

  it("are all replaced where they have leaked: every access token is refused at once, and sessions refresh them", async () => {
    const administrator = await newAdministrator(server);
    const { email } = await newPerson(server);
    const { accessToken, refreshToken } = await signInWithTokens(server, email);
    expect((await me(accessToken)).status).toBe(200);
    const before = (await published()).keys.map(({ kid }: AnyBody) => kid);
    await expectOk(rotate(administrator.token, { immediately: true }));
    expectError(await me(accessToken), 401, "auth.credential_invalid");
    const after = (await published()).keys.map(({ kid }: AnyBody) => kid);
    expect(after).toHaveLength(2);
    expect(after.filter((kid: string) => before.includes(kid))).toEqual([]);
    const renewed = await expectOk(server.call("POST /api/v1/token/refresh", { from: anAddress(), body: { refreshToken } }));
    expect((await me(renewed.accessToken)).status).toBe(200);
  });

  it("rotate by age, once the next key is known, and not before", async () => {
    const { email } = await newPerson(server);
    const kid = kidOf((await signInWithTokens(server, email)).accessToken);
    await asOperator(server, "tokens.rotateOldSigningKeys", {});
    expect(kidOf((await signInWithTokens(server, email)).accessToken)).toBe(kid);
    server.clock.advance(90 * 86_400);
    await asOperator(server, "tokens.rotateOldSigningKeys", {});
    expect(kidOf((await signInWithTokens(server, email)).accessToken)).not.toBe(kid);
  });

  it("are shown and rotated with the permission only", async () => {
    const { token } = await newPerson(server);
    expectError(await rotate(token), 403, "auth.permission_denied");
    expectError(await server.call("GET /api/v1/token/keys", { token }), 403, "auth.permission_denied");
    const administrator = await newAdministrator(server);
    const { items } = await expectOk(server.call("GET /api/v1/token/keys", { token: administrator.token }));
    expect(items.map(({ stage }: AnyBody) => stage).sort()).toContain("current");
  });
});

it.each(["RS256", "EdDSA"] as const)("an installation can sign with %s", async (algorithm) => {
  const own = await startTestServer({ ...ownKeys(), GATEHOUSE_TOKEN_ALGORITHM: algorithm });
  try {
    const { email } = await newPerson(own);
    const { accessToken } = await signInWithTokens(own, email);
    expect(decodedPart(accessToken, 0)["alg"]).toBe(algorithm);
    expect((await own.call("GET /api/v1/iam/users/me", { token: accessToken })).status).toBe(200);
    await jwtVerify(accessToken, createLocalJWKSet(await expectOk(own.call("GET /.well-known/jwks.json"))));
  } finally {
    await own.close();
  }
});
