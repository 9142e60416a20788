import { expectError, expectOk } from "@gatehouse/testing/answers.ts";
import { anAddress, newOrganization, newPerson } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { createLocalJWKSet, jwtVerify } from "jose";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });
const refresh = (refreshToken: string) => server.call("POST /api/v1/token/refresh", { from: anAddress(), body: { refreshToken } });
const sessionsOf = async (userId: string): Promise<number> => {
  const { rows } = await sql<{ count: string }>`select count(*) from sessions where user_id = ${userId}`.execute(
    server.application.platform.database.owner,
  );
  return Number(rows[0]?.count);
};

describe("POST /api/v1/iam/auth/login with issueTokens", () => {
  it("answers with an access token that another library verifies by the published keys", async () => {
    const organization = await newOrganization(server);
    const signedIn = await signInWithTokens(server, organization.owner.email, organization.id);
    const { keys } = await expectOk(server.call("GET /.well-known/jwks.json"));
    const { payload, protectedHeader } = await jwtVerify(signedIn.accessToken, createLocalJWKSet({ keys }), {
      issuer: "http://127.0.0.1:8080",
      audience: "http://127.0.0.1:8080",
      typ: "at+jwt",
      clockTolerance: 5,
    });
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "at+jwt", kid: keys[0].kid });
    expect(payload).toMatchObject({
      sub: organization.owner.id,
      tid: organization.id,
      amr: ["pwd"],
      auth_provider: "local",
      roles: ["Owner"],
    });
    expect(payload["permissions"]).toContain("Organization.ManageOwners");
    expect((payload.exp as number) - (payload.iat as number)).toBe(900);
    const { body } = await server.call("GET /api/v1/iam/auth/session", { token: signedIn.sessionToken });
    expect(payload["sid"]).toBe(body.session.id);
  });

  it("issues none unless they are asked for", async () => {
    const { email } = await newPerson(server);
    const { body } = await server.call("POST /api/v1/iam/auth/login", {
      from: anAddress(),
      body: { email, password: "a quiet green harbour" },
    });
    expect(Object.keys(body).sort()).toEqual(["expiresAt", "organizationId", "sessionToken", "user"]);
  });

  it("leaves out permissions above 4 KB, with a marker", async () => {
    const { owner, id } = await newOrganization(server);
    for (let count = 0; count < 90; count += 1) {
      const value = `Permission${count}${"x".repeat(60)}`;
      await asOperator(server, "access.createPermission", { value, scope: "Organization" });
    }
    const { accessToken } = await signInWithTokens(server, owner.email, id);
    const claims = decodedPart(accessToken, 1);
    expect(claims).toMatchObject({ permissions_omitted: true, roles: ["Owner"] });
    expect(claims).not.toHaveProperty("permissions");
    expect(accessToken.length).toBeLessThan(2_000);
  });
});

describe("an access token", () => {
  it("authenticates like its session, and ends with it", async () => {
    const { owner, id } = await newOrganization(server);
    const { accessToken, sessionToken } = await signInWithTokens(server, owner.email, id);
    expect((await me(accessToken)).body.id).toBe(owner.id);
    expect((await server.call(`GET /api/v1/iam/organizations/${id}`, { token: accessToken })).status).toBe(200);
    const listed = await expectOk(server.call("GET /api/v1/iam/auth/sessions", { token: accessToken }));
    expect(listed.items.find(({ current }: AnyBody) => current).organizationId).toBe(id);
    expect((await server.call("POST /api/v1/iam/auth/logout", { token: accessToken })).status).toBe(204);
    expectError(await me(accessToken), 401, "auth.credential_invalid");
    expectError(await me(sessionToken), 401, "auth.credential_invalid");
  });

  it("expires", async () => {
    const person = await newPerson(server);
    const { accessToken } = await signInWithTokens(server, person.email);
    expect((await me(accessToken)).status).toBe(200);
    server.clock.advance(901);
    expectError(await me(accessToken), 401, "auth.credential_invalid");
  });
});

describe("POST /api/v1/token/refresh", () => {
  it("answers with an access token and the next refresh token of the same session", async () => {
    const { owner, id } = await newOrganization(server);
    const first = await signInWithTokens(server, owner.email, id);
    const second = await expectOk(refresh(first.refreshToken));
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.refreshToken).toMatch(/^ghr_[\w-]{43}$/);
    expect(decodedPart(second.accessToken, 1)).toMatchObject({ sid: decodedPart(first.accessToken, 1)["sid"], tid: id });
    expect((await me(second.accessToken)).status).toBe(200);
    expect((await me(first.accessToken)).status).toBe(200);
  });

  it("is also at the address beside the sign-in", async () => {
    const { email } = await newPerson(server);
    const { refreshToken } = await signInWithTokens(server, email);
    const { accessToken } = await expectOk(server.call("POST /api/v1/iam/auth/refresh", { from: anAddress(), body: { refreshToken } }));
    expect((await me(accessToken)).status).toBe(200);
  });

  it("repeats the answer of the direct parent within the grace time, so that a lost answer costs nothing", async () => {
    const { email } = await newPerson(server);
    const { refreshToken } = await signInWithTokens(server, email);
    const answers = await Promise.all([1, 2, 3, 4].map(() => refresh(refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect((await refresh(answers[0]?.body.refreshToken)).status).toBe(200);
  });

  it.each([
    ["after the grace time", 11, 0],
    ["after its successor was used", 0, 1],
  ])("ends the session where a token is replayed %s", async (_when, seconds, used) => {
    const { id, email } = await newPerson(server);
    const { refreshToken, accessToken } = await signInWithTokens(server, email);
    let last = await expectOk(refresh(refreshToken));
    for (let count = 0; count < used; count += 1) last = await expectOk(refresh(last.refreshToken));
    const before = await sessionsOf(id);
    server.clock.advance(seconds);
    expectError(await refresh(refreshToken), 401, "tokens.refresh_token_replayed");
    expect(await sessionsOf(id)).toBe(before - 1);
    expectError(await refresh(last.refreshToken), 401, "tokens.refresh_token_invalid");
    for (const token of [accessToken, last.accessToken]) expectError(await me(token), 401, "auth.credential_invalid");
    const { rows } = await sql<{ type: string }>`select type from events where data->>'userId' = ${id}
      and type in ('token.refresh_replayed.v1', 'session.ended.v1')`.execute(server.application.platform.database.owner);
    expect(rows.map(({ type }) => type).sort()).toEqual(["session.ended.v1", "token.refresh_replayed.v1"]);
  });

  it("refuses any other text alike, and ends nothing by it", async () => {
    const { id, email } = await newPerson(server);
    const { refreshToken } = await signInWithTokens(server, email);
    const bytes = Buffer.from(refreshToken.slice(4), "base64url");
    bytes[31] = (bytes[31] as number) ^ 1;
    const changed = `ghr_${bytes.toString("base64url")}`;
    const older = Buffer.from(refreshToken.slice(4), "base64url");
    older.writeUInt32BE(7, 12);
    const forged = `ghr_${older.toString("base64url")}`;
    for (const text of [changed, forged, `${refreshToken} `, `ghr_${"A".repeat(43)}`, "x", "ghs_x", refreshToken.slice(0, -1)]) {
      expectError(await refresh(text), 401, "tokens.refresh_token_invalid");
    }
    expect(await sessionsOf(id)).toBe(2);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it("refuses a token that the restored database has not issued yet, and ends nothing by it", async () => {
    const { id, email } = await newPerson(server);
    const { refreshToken, accessToken } = await signInWithTokens(server, email);
    const { refreshToken: second } = await expectOk(refresh(refreshToken));
    const { refreshToken: third } = await expectOk(refresh(second));
    await sql`update refresh_chains set generation = 0 where user_id = ${id}`.execute(server.application.platform.database.owner);
    for (const token of [third, second]) expectError(await refresh(token), 401, "tokens.refresh_token_invalid");
    expect((await me(accessToken)).status).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it("is refused for a suspended user, and after a changed password", async () => {
    const suspended = await newPerson(server);
    const { refreshToken } = await signInWithTokens(server, suspended.email);
    await asOperator(server, "tenancy.setUserStatus", { userId: suspended.id, status: "Suspended" });
    expectError(await refresh(refreshToken), 401, "tokens.refresh_token_invalid");
  });

  it("keeps a session alive that only refreshes, until its refresh token expires", async () => {
    const { email } = await newPerson(server);
    const { refreshToken, sessionToken } = await signInWithTokens(server, email);
    server.clock.advance(3 * 86_400);
    await asOperator(server, "sessions.deleteExpiredSessions", {});
    const renewed = await expectOk(refresh(refreshToken));
    expect((await me(renewed.accessToken)).status).toBe(200);
    // The refresh was a use of the session.
    expect((await me(sessionToken)).status).toBe(200);
    server.clock.advance(12 * 86_400);
    expectError(await refresh(renewed.refreshToken), 401, "tokens.refresh_token_invalid");
  });

  it("is stored so that the database alone gives no token, and is not logged", async () => {
    const { id, email } = await newPerson(server);
    const { refreshToken, accessToken } = await signInWithTokens(server, email);
    await expectOk(refresh(refreshToken));
    const { rows } = await sql<{ text: string }>`select row_to_json(c)::text as text from refresh_chains c where user_id = ${id}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.text).not.toContain(refreshToken.slice(20));
    const lines = JSON.stringify(server.logged);
    for (const secret of [refreshToken, accessToken.split(".")[2] as string]) expect(lines).not.toContain(secret);
  });
});
