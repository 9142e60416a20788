import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  joinAs,
  newAdministrator,
  newOrganization,
  newPerson,
  password,
  registration,
  rolesOf,
  signIn,
  tokenIn,
} from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const login = (body: Readonly<Record<string, unknown>>, from = anAddress(), on = server): Promise<Answer<AnyBody>> =>
  on.call("POST /api/v1/iam/auth/login", { body: { password, ...body }, from });
const wrong = "not the password";

describe("POST /api/v1/iam/auth/login", () => {
  it("answers 200 with session token, expiry, user and organization, and nothing else", async () => {
    const person = await newPerson(server);
    const answer = await login({ email: person.email.toUpperCase() });
    expectWritten(answer, 200);
    expect(Object.keys(answer.body).sort()).toEqual(["expiresAt", "organizationId", "sessionToken", "user"]);
    expect(answer.body).toMatchObject({ organizationId: null, user: { id: person.id, email: person.email, status: "Active" } });
    expect(answer.body.sessionToken).toMatch(/^ghs_[\w-]{43}$/);
    expect(new Date(answer.body.expiresAt).getTime()).toBeGreaterThan(Date.now() + 13 * 24 * 3_600_000);
    expect((await server.call("GET /api/v1/iam/users/me", { token: answer.body.sessionToken })).body.id).toBe(person.id);
  });

  it("stores only the hash of the session token", async () => {
    const { sessionToken } = (await login({ email: (await newPerson(server)).email })).body;
    const { rows } = await sql<{ text: string }>`select sessions::text as text from sessions`.execute(
      server.application.platform.database.owner,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(sessionToken.slice("ghs_".length));
  });

  it("gives the same status, body and headers for an unknown address and a wrong password", async () => {
    const person = await newPerson(server);
    const known = await withoutTrace(server, () => login({ email: person.email, password: wrong }));
    const unknown = await withoutTrace(server, () => login({ email: "nobody-here@example.com" }));
    expectError(known, 401, "auth.invalid_credentials");
    expectError(unknown, 401, "auth.invalid_credentials");
    expect({ ...known.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    expect(Object.keys(known.headers)).toEqual(Object.keys(unknown.headers));
  });

  it("discloses an unconfirmed or suspended account only with the correct password", async () => {
    const body = registration();
    await server.call("POST /api/v1/iam/auth/register", { body, from: anAddress() });
    expectError(await login({ email: body.email }), 403, "auth.email_not_verified");
    expectError(await login({ email: body.email, password: wrong }), 401, "auth.invalid_credentials");
    const person = await newPerson(server);
    const { token } = await newAdministrator(server);
    await server.call(`PATCH /api/v1/users/${person.id}`, { token, body: { status: "Suspended" } });
    expectError(await login({ email: person.email }), 403, "auth.user_suspended");
    expectError(await login({ email: person.email, password: wrong }), 401, "auth.invalid_credentials");
  });

  it("signs in members to an organization, and does not disclose to a non-member whether it exists", async () => {
    const organization = await newOrganization(server);
    const { email } = organization.owner;
    const answer = await login({ email, organizationId: organization.id });
    expectWritten(answer, 200);
    expect(answer.body.organizationId).toBe(organization.id);
    expect((await login({ email, organizationId: organization.id.toUpperCase() })).body.organizationId).toBe(organization.id);
    const nonMember = await newPerson(server);
    const refused = await withoutTrace(server, () => login({ email: nonMember.email, organizationId: organization.id }));
    const unknown = await login({ email: nonMember.email, organizationId: "0198c0de-0000-7000-8000-000000000000" });
    expectError(refused, 403, "auth.not_a_member");
    expectError(unknown, 403, "auth.not_a_member");
    expect({ ...refused.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
  });

  it("limits a session for one organization to that organization", async () => {
    const [one, other] = [await newOrganization(server), await newOrganization(server)];
    const roles = await rolesOf(server, other);
    await joinAs(server, other, one.owner, roles["Admin"] as string);
    const scoped = await signIn(server, one.owner.email, one.id);
    expect((await server.call(`GET /api/v1/iam/organizations/${one.id}`, { token: scoped })).status).toBe(200);
    expectError(await server.call(`GET /api/v1/iam/organizations/${other.id}`, { token: scoped }), 404, "tenancy.organization_not_found");
    expect((await server.call(`GET /api/v1/iam/organizations/${other.id}`, { token: one.owner.token })).status).toBe(200);
    for (const query of ["", "?limit=1"]) {
      const listed = await server.call(`GET /api/v1/iam/organizations${query}`, { token: scoped });
      expect(listed.body).toMatchObject({ items: [{ id: one.id }], nextCursor: null });
    }
    const theirs = await signIn(server, one.owner.email, other.id);
    expect((await server.call("GET /api/v1/iam/organizations?limit=1", { token: theirs })).body.items).toMatchObject([{ id: other.id }]);
  });

  it("refuses a sign-in to a suspended organization, but not one without an organization", async () => {
    const organization = await newOrganization(server);
    const { token } = await newAdministrator(server);
    await server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token, body: { status: "Suspended" } });
    const { email } = organization.owner;
    expectError(await withoutTrace(server, () => login({ email, organizationId: organization.id })), 403, "auth.organization_suspended");
    expect((await login({ email })).status).toBe(200);
  });

  it.each([
    [{ email: 5 }, "email"],
    [{ email: "a@example.com", password: "" }, "password"],
    [{ email: "a@example.com", password: "x".repeat(129) }, "password"],
    [{ email: "a@example.com", password: "with\u0000NUL" }, "password"],
    [{ email: "a@example.com", organizationId: "7" }, "organizationId"],
    [{ email: "a@example.com", remember: true }, "remember"],
  ])("refuses the body %j", async (body, field) => {
    expectError(await withoutTrace(server, () => login(body)), 400, "common.validation_failed", field);
  });
});

describe("the session cookie", () => {
  const cookieOf = (answer: Answer<AnyBody>): string => String(answer.headers["set-cookie"]);
  const tokenOf = (answer: Answer<AnyBody>): string => cookieOf(answer).split(";")[0] as string;

  it("is HttpOnly, SameSite=Lax, for the whole site and as long as the session; Secure behind HTTPS", async () => {
    const answer = await login({ email: (await newPerson(server)).email });
    const [value, ...attributes] = cookieOf(answer).split("; ");
    expect(value).toBe(`gh_session=${answer.body.sessionToken}`);
    expect(attributes.sort()).toEqual(
      [`Expires=${new Date(answer.body.expiresAt).toUTCString()}`, "HttpOnly", "Path=/", "SameSite=Lax"].sort(),
    );
    const secure = await startTestServer({ PUBLIC_URL: "https://id.example.com" });
    try {
      const there = await login({ email: (await newPerson(secure)).email }, anAddress(), secure);
      const [named, ...flags] = cookieOf(there).split("; ");
      // Browsers accept the prefix only with Secure, Path=/ and without Domain.
      expect(named).toBe(`__Host-gh_session=${there.body.sessionToken}`);
      expect(flags).toEqual(expect.arrayContaining(["Secure", "Path=/"]));
      expect(cookieOf(there)).not.toMatch(/domain/i);
      const me = (cookie: string) => secure.call("GET /api/v1/iam/users/me", { headers: { cookie } });
      expect((await me(named as string)).status).toBe(200);
      expect((await me(`gh_session=${there.body.sessionToken}`)).status).toBe(401);
    } finally {
      await secure.close();
    }
  });

  it("authenticates, is cleared at sign-out, and is refused afterwards", async () => {
    const cookie = tokenOf(await login({ email: (await newPerson(server)).email }));
    const headers = { cookie: `other=1; ${cookie}` };
    expect((await server.call("GET /api/v1/iam/users/me", { headers })).status).toBe(200);
    const out = await server.call("POST /api/v1/iam/auth/logout", { headers: { ...headers, "sec-fetch-site": "same-origin" } });
    expectWritten(out, 204);
    expect(cookieOf(out)).toMatch(/^gh_session=;.*Expires=Thu, 01 Jan 1970/);
    expectError(await server.call("GET /api/v1/iam/users/me", { headers }), 401, "auth.credential_invalid");
  });

  it.each([
    [{ "sec-fetch-site": "cross-site" }],
    [{ "sec-fetch-site": "same-site" }],
    [{ origin: "https://evil.example" }],
    [{ origin: "null" }],
    [{ origin: "http://127.0.0.1:8081" }],
  ])("is refused for a write from another site: %j", async (foreign) => {
    const person = await newPerson(server);
    const cookie = tokenOf(await login({ email: person.email }));
    const put = (headers: Readonly<Record<string, string>>) =>
      server.call("PUT /api/v1/iam/users/me", { headers: { cookie, ...headers }, body: { firstName: "Changed" } });
    expectError(await withoutTrace(server, () => put(foreign)), 403, "auth.cross_site_request");
    expect((await server.call("GET /api/v1/iam/users/me", { headers: { cookie, ...foreign } })).status).toBe(200);
    expect((await put({ origin: "http://127.0.0.1:8080", "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await put({})).status).toBe(200);
  });

  it("with two different values is refused in either order, but does not prevent a sign-in", async () => {
    const [own, other] = [await newPerson(server), await newPerson(server)];
    for (const [first, second] of [
      [own.token, other.token],
      [other.token, own.token],
      [own.token, `ghs_${"x".repeat(43)}`],
    ]) {
      const headers = { cookie: `gh_session=${first}; theme=dark; gh_session=${second}`, "sec-fetch-site": "same-origin" };
      expectError(await server.call("GET /api/v1/iam/users/me", { headers }), 401, "auth.credential_invalid");
      expectWritten(
        await server.call("POST /api/v1/iam/auth/login", { headers, from: anAddress(), body: { email: own.email, password } }),
        200,
      );
    }
    const headers = { cookie: `gh_session=${own.token}; gh_session=${own.token}` };
    expect((await server.call("GET /api/v1/iam/users/me", { headers })).status).toBe(200);
  });

  it("that is stale does not prevent a browser from signing in again", async () => {
    const { email } = await newPerson(server);
    const headers = { cookie: `gh_session=ghs_${"x".repeat(43)}`, "sec-fetch-site": "same-origin" };
    const answer = await server.call("POST /api/v1/iam/auth/login", { headers, from: anAddress(), body: { email, password } });
    expectWritten(answer, 200);
  });
});

describe("signing in with a session", () => {
  const again = (options: { token?: string; headers?: Record<string, string> }, email: string, given = password) =>
    server.call("POST /api/v1/iam/auth/login", { ...options, from: anAddress(), body: { email, password: given } });
  const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });

  it("ends that session and starts another, for cookie and header, and for the same and another user", async () => {
    for (const how of ["cookie", "header"] as const) {
      for (const sameUser of [true, false]) {
        const person = await newPerson(server);
        const target = sameUser ? person : await newPerson(server);
        const elsewhere = await signIn(server, person.email);
        const credential =
          how === "header"
            ? { token: person.token }
            : { headers: { cookie: `gh_session=${person.token}`, "sec-fetch-site": "same-origin" } };
        const answer = await again(credential, target.email);
        expectWritten(answer, 200);
        expectError(await me(person.token), 401, "auth.credential_invalid");
        expect((await me(answer.body.sessionToken)).body.id).toBe(target.id);
        expect((await me(elsewhere)).status).toBe(200);
      }
    }
  });

  it("does not end it where the password is wrong", async () => {
    const person = await newPerson(server);
    expectError(await again({ token: person.token }, person.email, wrong), 401, "auth.invalid_credentials");
    expect((await me(person.token)).status).toBe(200);
  });

  it("ends the oldest session above SESSIONS_PER_USER", async () => {
    const few = await startTestServer({ SESSIONS_PER_USER: "3" });
    try {
      const person = await newPerson(few);
      const tokens = [person.token];
      for (let count = 0; count < 4; count += 1) tokens.push(await signIn(few, person.email));
      const statuses = await Promise.all(tokens.map(async (token) => (await few.call("GET /api/v1/iam/users/me", { token })).status));
      expect(statuses).toEqual([401, 401, 200, 200, 200]);
    } finally {
      await few.close();
    }
  });
});

describe("an invalid credential", () => {
  it.each([
    "Bearer",
    "Bearer ",
    "Basic bGFuOnNlY3JldA==",
    "Bearer ghs_short",
    `Bearer ghs_${"x".repeat(43)}`,
    `Bearer ghs_${"x".repeat(43)} more`,
    `Bearer ${"x".repeat(5_000)}`,
  ])("gets 401: %s", async (authorization) => {
    const answer = await server.call("GET /api/v1/iam/users/me", { headers: { authorization } });
    expectError(answer, 401, "auth.credential_invalid");
    expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
  });

  it("is refused also with a valid cookie", async () => {
    const { token } = await newPerson(server);
    const headers = { authorization: "Bearer nonsense", cookie: `gh_session=${token}` };
    expectError(await server.call("GET /api/v1/iam/users/me", { headers }), 401, "auth.credential_invalid");
  });
});

describe("wrong passwords", () => {
  const exhaust = async (email: string, from: string, times = 10): Promise<void> => {
    for (let attempt = 0; attempt < times; attempt += 1) expect((await login({ email, password: wrong }, from)).status).toBe(401);
  };

  it("lock the account out for one address after ten attempts, also with the correct password", async () => {
    const person = await newPerson(server);
    const from = anAddress();
    await exhaust(person.email, from);
    for (const attempted of [wrong, password]) {
      const answer = await withoutTrace(server, () => login({ email: person.email.toUpperCase(), password: attempted }, from));
      expectError(answer, 429, "auth.too_many_attempts");
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      expect(Number(answer.headers["retry-after"])).toBeLessThanOrEqual(15 * 60);
    }
    expect((await login({ email: person.email })).status).toBe(200);
  });

  it("lock an unknown account out in the same way", async () => {
    const from = anAddress();
    await exhaust("nobody-is-here@example.com", from);
    expectError(await login({ email: "nobody-is-here@example.com" }, from), 429, "auth.too_many_attempts");
  });

  it("sent concurrently are all counted", async () => {
    const { email } = await newPerson(server);
    const from = anAddress();
    const answers = await Promise.all(Array.from({ length: 16 }, () => login({ email, password: wrong }, from)));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(6);
  });

  it("are reset by a correct password", async () => {
    const { email } = await newPerson(server);
    const from = anAddress();
    for (let round = 0; round < 3; round += 1) {
      await exhaust(email, from, 9);
      expect((await login({ email }, from)).status).toBe(200);
    }
  });

  it("from many addresses do not lock out a known address, and a password reset restores access", async () => {
    const person = await newPerson(server);
    const home = anAddress();
    expect((await login({ email: person.email }, home)).status).toBe(200);
    for (let nonMember = 0; nonMember < 10; nonMember += 1) await exhaust(person.email, anAddress());
    expectError(await login({ email: person.email, password: wrong }), 429, "auth.too_many_attempts");
    expectError(await login({ email: person.email }), 429, "auth.too_many_attempts");
    expect((await login({ email: person.email }, home)).status).toBe(200);

    await exhaust(person.email, home);
    expectError(await login({ email: person.email }, home), 429, "auth.too_many_attempts");
    await server.call("POST /api/v1/iam/auth/forgot-password", { body: { email: person.email }, from: home });
    const token = tokenIn(await server.mail(person.email, "reset-password"));
    const next = "a harbour after the storm";
    expectWritten(await server.call("POST /api/v1/iam/auth/reset-password", { body: { token, password: next }, from: home }), 204);
    expect((await login({ email: person.email, password: next }, home)).status).toBe(200);
    expect((await login({ email: person.email, password: next })).status).toBe(200);
  });
});
