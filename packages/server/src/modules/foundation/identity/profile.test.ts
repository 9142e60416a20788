import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  newAdministrator,
  newOrganization,
  newPerson,
  type Person,
  password,
  registration,
  signIn,
} from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
beforeAll(async () => {
  administrator = await newAdministrator(server);
});

const setStatus = (userId: string, status: string, token = administrator.token): Promise<Answer<AnyBody>> =>
  server.call(`PATCH /api/v1/users/${userId}`, { token, body: { status } });
const login = (email: string): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/auth/login", { body: { email, password }, from: anAddress() });

describe("GET and PUT /api/v1/iam/users/me", () => {
  it("GET returns the own profile with its version as the ETag, and no secret", async () => {
    const person = await newPerson(server, "profile");
    const answer = await server.call("GET /api/v1/iam/users/me", { token: person.token });
    expectRead(answer);
    expect(Object.keys(answer.body).sort()).toEqual(
      ["createdAt", "email", "emailUndeliverableAt", "firstName", "id", "lastName", "locale", "status", "updatedAt", "version"].sort(),
    );
    expect(answer.body).toMatchObject({ id: person.id, email: person.email, firstName: "profile", status: "Active" });
    expect(answer.headers["etag"]).toBe(`"${answer.body.version}"`);
  });

  it("PUT changes the given fields only, and the same session reads the change at once", async () => {
    const person = await newPerson(server);
    const before = await server.call("GET /api/v1/iam/users/me", { token: person.token });
    const answer = await server.call("PUT /api/v1/iam/users/me", { token: person.token, body: { firstName: "Mai", locale: "vi-vn" } });
    expectWritten(answer, 200);
    expect(answer.body).toMatchObject({ firstName: "Mai", lastName: "Test", locale: "vi-VN", version: before.body.version + 1 });
    expect(answer.headers["etag"]).toBe(`"${answer.body.version}"`);
    expect((await server.call("GET /api/v1/iam/users/me", { token: person.token })).body).toEqual(answer.body);
    expect((await server.call("GET /api/v1/iam/auth/session", { token: person.token })).body.user).toEqual(answer.body);
  });

  it("PUT honours If-Match: a stale version is rejected with 412 and changes nothing", async () => {
    const person = await newPerson(server);
    const put = (ifMatch: string) =>
      server.call("PUT /api/v1/iam/users/me", { token: person.token, body: { firstName: "Mai" }, headers: { "if-match": ifMatch } });
    const { headers } = await server.call("GET /api/v1/iam/users/me", { token: person.token });
    const etag = headers["etag"] as string;
    expectWritten(await put(etag), 200);
    const stale = await withoutTrace(server, () => put(etag));
    expectError(stale, 412, "common.version_conflict", "If-Match");
    expect(stale.body.error.details[0].current).not.toBe(etag);
    expectError(await withoutTrace(server, () => put("three")), 400, "common.validation_failed", "If-Match");
    expectWritten(await put("*"), 200);
  });

  it.each([
    [{}, "body"],
    [{ email: "new@example.com" }, "email"],
    [{ status: "Suspended" }, "status"],
    [{ locale: "vi_VN" }, "locale"],
    [{ locale: "sh-001" }, "locale"],
    [{ firstName: 5 }, "firstName"],
    [{ firstName: null }, "firstName"],
  ])("PUT rejects the body %j", async (body, field) => {
    const person = await newPerson(server);
    const answer = await withoutTrace(server, () => server.call("PUT /api/v1/iam/users/me", { token: person.token, body }));
    expectError(answer, 400, "common.validation_failed", field);
  });

  it.each(["GET", "PUT"])("%s answers 401 without a credential, before it validates the body", async (method) => {
    const answer = await server.call(`${method} /api/v1/iam/users/me`, method === "PUT" ? { body: { nonsense: 1 } } : {});
    expectError(answer, 401, "auth.credential_required");
    expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
  });
});

describe("PATCH /api/v1/users/{id}", () => {
  it("suspends a user: sessions end at once, sign-in and checks are denied, and the suspension can be undone", async () => {
    const person = await newPerson(server);
    const organization = await newOrganization(server, person);
    const check = () =>
      server.call("POST /api/v1/iam/authorization/check", {
        token: administrator.token,
        body: { userId: person.id, tenantId: organization.id, actionType: "Organization.Update" },
      });
    expect((await check()).body.isAuthorized).toBe(true);
    const answer = await setStatus(person.id, "Suspended");
    expectWritten(answer, 200);
    expect(answer.body).toMatchObject({ id: person.id, status: "Suspended" });
    expectError(await server.call("GET /api/v1/iam/users/me", { token: person.token }), 401, "auth.credential_invalid");
    expectError(await login(person.email), 403, "auth.user_suspended");
    expect((await check()).body).toMatchObject({ isAuthorized: false, reasonCode: "user_inactive", missingPermissions: [] });

    expect((await setStatus(person.id, "Active")).body.status).toBe("Active");
    expectError(await server.call("GET /api/v1/iam/users/me", { token: person.token }), 401, "auth.credential_invalid");
    expect((await login(person.email)).status).toBe(200);
    expect((await check()).body.isAuthorized).toBe(true);
  });

  it("suspends the same user if the id is in upper case", async () => {
    const person = await newPerson(server);
    const organization = await newOrganization(server, person);
    expect((await server.call("GET /api/v1/iam/users/me", { token: person.token })).status).toBe(200);
    expect((await setStatus(person.id.toUpperCase(), "Suspended")).body.id).toBe(person.id);
    expectError(await server.call("GET /api/v1/iam/users/me", { token: person.token }), 401, "auth.credential_invalid");
    const { body } = await server.call("POST /api/v1/iam/authorization/check", {
      token: administrator.token,
      body: { userId: person.id.toUpperCase(), tenantId: organization.id.toUpperCase(), actionType: "Organization.Read" },
    });
    expect(body).toMatchObject({ isAuthorized: false, reasonCode: "user_inactive" });
  });

  it("leaves an unconfirmed user unconfirmed after a suspension ends", async () => {
    const body = registration();
    await server.call("POST /api/v1/iam/auth/register", { body, from: anAddress() });
    const listed = await server.call(`GET /api/v1/users?email=${body.email}`, { token: administrator.token });
    const { id } = listed.body.items[0];
    expect((await setStatus(id, "Suspended")).body.status).toBe("Suspended");
    expect((await setStatus(id, "Active")).body.status).toBe("PendingConfirmation");
    expectError(await login(body.email), 403, "auth.email_not_verified");
  });

  it("rejects other callers, the own account, an unknown user and an invalid status, and changes nothing", async () => {
    const [person, other] = [await newPerson(server), await newPerson(server)];
    expectError(await withoutTrace(server, () => setStatus(other.id, "Suspended", person.token)), 403, "auth.permission_denied");
    for (const own of [administrator.id, administrator.id.toUpperCase()]) {
      expectError(await withoutTrace(server, () => setStatus(own, "Suspended")), 409, "identity.own_status");
    }
    const unknown = "0198c0de-0000-7000-8000-000000000000";
    expectError(await withoutTrace(server, () => setStatus(unknown, "Suspended")), 404, "identity.user_not_found");
    expectError(await withoutTrace(server, () => setStatus(other.id, "PendingConfirmation")), 400, "common.validation_failed", "status");
    expectError(await withoutTrace(server, () => setStatus("7", "Active")), 400, "common.validation_failed", "userId");
  });

  it("honours If-Match", async () => {
    const person = await newPerson(server);
    const { headers } = await server.call(`GET /api/v1/users/${person.id}`, { token: administrator.token });
    const patch = () =>
      server.call(`PATCH /api/v1/users/${person.id}`, {
        token: administrator.token,
        body: { status: "Suspended" },
        headers: { "if-match": headers["etag"] as string },
      });
    await signIn(server, person.email);
    expectWritten(await patch(), 200);
    expectError(await withoutTrace(server, patch), 412, "common.version_conflict");
  });
});

describe("GET /api/v1/users", () => {
  it("shows users to internal administrators only, page by page", async () => {
    const person = await newPerson(server);
    expectError(await server.call("GET /api/v1/users", { token: person.token }), 403, "auth.permission_denied");
    expectError(await server.call(`GET /api/v1/users/${person.id}`, { token: person.token }), 403, "auth.permission_denied");
    const seen = new Set<string>();
    for (let cursor: string | null = ""; cursor !== null; ) {
      const answer: Answer<AnyBody> = await server.call(`GET /api/v1/users?limit=3${cursor && `&cursor=${cursor}`}`, {
        token: administrator.token,
      });
      expectRead(answer);
      expect(answer.body.items.length).toBeLessThanOrEqual(3);
      for (const { id } of answer.body.items) {
        expect(seen.has(id)).toBe(false);
        seen.add(id);
      }
      cursor = answer.body.nextCursor;
    }
    expect(seen.has(person.id)).toBe(true);
    expect(seen.has(administrator.id)).toBe(true);
    expectError(
      await server.call("GET /api/v1/users/0198c0de-0000-7000-8000-000000000000", { token: administrator.token }),
      404,
      "identity.user_not_found",
    );
  });
});
