import { expectError, expectOk } from "@gatehouse/testing/answers.ts";
import { anAddress, newAdministrator, newPerson } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });
const revoke = (body: Readonly<Record<string, unknown>>, token?: string) =>
  server.call("POST /api/v1/token/revoke", { body, from: anAddress(), ...(token === undefined ? {} : { token }) });

describe("POST /api/v1/token/revoke", () => {
  it("revokes an access token that its holder presents, and leaves the session", async () => {
    const { email } = await newPerson(server);
    const { accessToken, sessionToken } = await signInWithTokens(server, email);
    expect((await me(accessToken)).status).toBe(200);
    expect((await revoke({ token: accessToken })).status).toBe(204);
    expectError(await me(accessToken), 401, "auth.credential_invalid");
    expect((await me(sessionToken)).status).toBe(200);
  });

  it("ends the session of a refresh token", async () => {
    const { email } = await newPerson(server);
    const { accessToken, refreshToken } = await signInWithTokens(server, email);
    expect((await revoke({ token: refreshToken })).status).toBe(204);
    expectError(await me(accessToken), 401, "auth.credential_invalid");
    const again = await server.call("POST /api/v1/token/refresh", { from: anAddress(), body: { refreshToken } });
    expectError(again, 401, "tokens.refresh_token_invalid");
  });

  it("answers alike for an unknown token, and revokes nothing", async () => {
    const { email } = await newPerson(server);
    const { accessToken } = await signInWithTokens(server, email);
    const [header, payload] = accessToken.split(".");
    for (const token of ["x", `${header}.${payload}.AAAA`, `ghr_${"A".repeat(43)}`]) expect((await revoke({ token })).status).toBe(204);
    expect((await me(accessToken)).status).toBe(200);
  });

  it("revokes one's own session or all of them, and others' with a permission only", async () => {
    const [person, other] = [await newPerson(server), await newPerson(server)];
    const first = await signInWithTokens(server, person.email);
    const second = await signInWithTokens(server, person.email);
    const sid = decodedPart(first.accessToken, 1)["sid"];
    expectError(await revoke({ sid, userId: person.id }, other.token), 403, "auth.permission_denied");
    expectError(await revoke({ sid: "*", userId: person.id }, other.token), 403, "auth.permission_denied");
    expectError(await revoke({ sid: "*" }), 401, "auth.credential_required");
    expect((await me(first.accessToken)).status).toBe(200);
    expect((await revoke({ sid }, second.accessToken)).status).toBe(204);
    expectError(await me(first.accessToken), 401, "auth.credential_invalid");
    expect((await me(second.accessToken)).status).toBe(200);
    expect((await revoke({ sid: "*" }, second.accessToken)).status).toBe(204);
    for (const token of [second.accessToken, person.token]) expectError(await me(token), 401, "auth.credential_invalid");
    expect((await me(other.token)).status).toBe(200);
  });

  it("revokes by id with the permission, also every session of a user", async () => {
    const administrator = await newAdministrator(server);
    const { id, email } = await newPerson(server);
    const { accessToken } = await signInWithTokens(server, email);
    const { jti } = decodedPart(accessToken, 1);
    const unprivileged = await newPerson(server);
    expectError(await revoke({ jti }, unprivileged.token), 403, "auth.permission_denied");
    expectError(await revoke({ jti }), 401, "auth.credential_required");
    expect((await revoke({ jti: jti.toUpperCase() }, administrator.token)).status).toBe(204);
    expectError(await me(accessToken), 401, "auth.credential_invalid");
    const next = await signInWithTokens(server, email);
    expect((await revoke({ sid: "*", userId: id }, administrator.token)).status).toBe(204);
    for (const token of [next.accessToken, next.sessionToken]) expectError(await me(token), 401, "auth.credential_invalid");
  });

  it("takes exactly one of token, jti and sid", async () => {
    const { token } = await newPerson(server);
    for (const body of [{}, { token: "x", sid: "*" }, { userId: "0198c0de-0000-7000-8000-000000000000" }, { sid: "everything" }]) {
      expectError(await revoke(body, token), 400, "common.validation_failed");
    }
    await expectOk(server.call("GET /api/v1/iam/users/me", { token }));
  });
});
