import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, joinAs, newAdministrator, newOrganization, newPerson, password, rolesOf, signIn } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, asOperator, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { type SessionCache, sessions } from "./index.ts";

const server = serverOfSuite();

const me = (token: string): Promise<Answer<AnyBody>> => server.call("GET /api/v1/iam/users/me", { token });
const list = (token: string, query = ""): Promise<Answer<AnyBody>> => server.call(`GET /api/v1/iam/auth/sessions${query}`, { token });
const end = (token: string, id: string): Promise<Answer<AnyBody>> => server.call(`DELETE /api/v1/iam/auth/sessions/${id}`, { token });

describe("GET /api/v1/iam/auth/sessions", () => {
  it("lists the caller's live sessions, newest first, with the current one flagged and without tokens", async () => {
    const organization = await newOrganization(server);
    const person = organization.owner;
    const from = anAddress();
    const answer = await server.call("POST /api/v1/iam/auth/login", {
      body: { email: person.email, password, organizationId: organization.id },
      from,
      headers: { "user-agent": "Browser/1.0" },
    });
    const listed = await list(answer.body.sessionToken);
    expectRead(listed);
    expect(listed.body.nextCursor).toBeNull();
    expect(listed.body.items).toEqual([
      expect.objectContaining({ organizationId: organization.id, ipAddress: from, userAgent: "Browser/1.0", current: true }),
      expect.objectContaining({ organizationId: null, current: false }),
    ]);
    expect(Object.keys(listed.body.items[0]).sort()).toEqual(
      ["createdAt", "current", "expiresAt", "id", "ipAddress", "lastActiveAt", "organizationId", "userAgent"].sort(),
    );
  });

  it("has pages, and refuses another user's cursor", async () => {
    const [person, other] = [await newPerson(server), await newPerson(server)];
    for (let count = 0; count < 4; count += 1) await signIn(server, person.email);
    await signIn(server, other.email);
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Answer<AnyBody> = await list(person.token, `?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`);
      ids.push(...page.body.items.map(({ id }: AnyBody) => id));
      cursor = page.body.nextCursor;
    } while (cursor !== null);
    expect(ids).toHaveLength(5);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
    const theirs = (await list(other.token, "?limit=1")).body.nextCursor;
    expectError(await list(person.token, `?cursor=${theirs}`), 400, "common.validation_failed", "cursor");
    for (const query of ["?limit=0", "?limit=201", "?limit=many", "?limit=1.5", "?limit=1&limit=2", "?page=2"]) {
      expect((await list(person.token, query)).status, query).toBe(400);
    }
  });
});

describe("DELETE /api/v1/iam/auth/sessions/{id}", () => {
  it("ends one of the caller's sessions immediately, and no other", async () => {
    const person = await newPerson(server);
    const other = await signIn(server, person.email);
    expect((await me(other)).status).toBe(200);
    const target = (await list(person.token)).body.items.find((session: AnyBody) => !session.current);
    expectWritten(await end(person.token, target.id), 204);
    expectError(await me(other), 401, "auth.credential_invalid");
    expect((await me(person.token)).status).toBe(200);
    expect((await list(person.token)).body.items).toHaveLength(1);
  });

  it("answers 404 for another user's session as for an unknown one, and does not end it", async () => {
    const [person, other] = [await newPerson(server), await newPerson(server)];
    const theirs = (await list(other.token)).body.items[0].id;
    const refused = await withoutTrace(server, () => end(person.token, theirs));
    const unknown = await withoutTrace(server, () => end(person.token, "0198c0de-0000-7000-8000-000000000000"));
    expectError(refused, 404, "sessions.session_not_found");
    expect({ ...refused.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    expect((await me(other.token)).status).toBe(200);
    expectError(await end(person.token, "all"), 400, "common.validation_failed", "sessionId");
  });
});

describe("ending other sessions", () => {
  it("requires a sign-in of the last 15 minutes, except for the current session", async () => {
    const person = await newPerson(server);
    const other = await signIn(server, person.email);
    const items: AnyBody[] = (await list(person.token)).body.items;
    const [theirs, mine] = [items.find(({ current }) => !current), items.find(({ current }) => current)];
    server.clock.advance(15 * 60 + 5);
    expectError(await withoutTrace(server, () => end(person.token, theirs.id)), 403, "sessions.authentication_too_old");
    expectError(await server.call("DELETE /api/v1/iam/auth/sessions", { token: person.token }), 403, "sessions.authentication_too_old");
    expect((await me(other)).status).toBe(200);
    const fresh = await signIn(server, person.email);
    expectWritten(await end(fresh, theirs.id), 204);
    expectError(await me(other), 401, "auth.credential_invalid");
    expectWritten(await end(person.token, mine.id), 204);
  });

  it("ends all of them immediately except the current one, and no session of another user", async () => {
    const [person, nonMember] = [await newPerson(server), await newPerson(server)];
    const others = [await signIn(server, person.email), await signIn(server, person.email)];
    const answer = await server.call("DELETE /api/v1/iam/auth/sessions", { token: person.token });
    expectWritten(answer, 200);
    expect(answer.body).toEqual({ ended: 2 });
    for (const token of others) expectError(await me(token), 401, "auth.credential_invalid");
    expect((await me(person.token)).status).toBe(200);
    expect((await me(nonMember.token)).status).toBe(200);
  });

  it("of one user or of all users requires an administrator", async () => {
    const own = await startTestServer();
    const statusOf = async (token: string) => (await own.call("GET /api/v1/iam/users/me", { token })).status;
    try {
      const [person, other, administrator] = [await newPerson(own), await newPerson(own), await newAdministrator(own)];
      const further = await signIn(own, person.email);
      const endAll = (token: string, startedBefore = new Date(own.clock.now()).toISOString()) =>
        own.call("POST /api/v1/sessions/end", { token, body: { startedBefore } });
      const endOf = (token: string) => own.call(`DELETE /api/v1/users/${person.id}/sessions`, { token });
      expectError(await endOf(other.token), 403, "auth.permission_denied");
      expectError(await endAll(other.token), 403, "auth.permission_denied");
      expect((await endAll(administrator.token, "2020-01-01T00:00:00Z")).body).toEqual({ ended: 0 });
      expect(await statusOf(person.token)).toBe(200);
      const ended = await endOf(administrator.token);
      expect(ended.body).toEqual({ ended: 2 });
      expect([await statusOf(person.token), await statusOf(further), await statusOf(other.token)]).toEqual([401, 401, 200]);
      const again = await signIn(own, person.email);
      const all = await endAll(administrator.token);
      expect(all.body).toEqual({ ended: 2 });
      expect([await statusOf(again), await statusOf(other.token), await statusOf(administrator.token)]).toEqual([401, 401, 200]);
      const unknown = await own.call("DELETE /api/v1/users/0198c0de-0000-7000-8000-000000000000/sessions", { token: administrator.token });
      expectError(unknown, 404, "identity.user_not_found");
    } finally {
      await own.close();
    }
  });
});

describe("POST /api/v1/iam/auth/logout", () => {
  it("ends the current session only", async () => {
    const person = await newPerson(server);
    const other = await signIn(server, person.email);
    expectWritten(await server.call("POST /api/v1/iam/auth/logout", { token: person.token }), 204);
    expectError(await me(person.token), 401, "auth.credential_invalid");
    expectError(await server.call("POST /api/v1/iam/auth/logout", { token: person.token }), 401, "auth.credential_invalid");
    expect((await me(other)).status).toBe(200);
  });
});

describe("a session", () => {
  it("can be validated by an application, with its user", async () => {
    const organization = await newOrganization(server);
    const token = await signIn(server, organization.owner.email, organization.id);
    const answer = await server.call("GET /api/v1/iam/auth/session", { token });
    expectRead(answer);
    expect(answer.body).toMatchObject({ session: { organizationId: organization.id }, user: { id: organization.owner.id } });
  });

  it("expires after the idle limit without use, and not while it is used", async () => {
    const own = await startTestServer({ SESSION_IDLE_SECONDS: "600", SESSION_ABSOLUTE_SECONDS: "3600" });
    const meOf = (token: string) => own.call("GET /api/v1/iam/users/me", { token });
    try {
      const used = await newPerson(own);
      const unused = await signIn(own, used.email);
      expect((await meOf(unused)).status).toBe(200);
      for (let step = 0; step < 2; step += 1) {
        own.clock.advance(400);
        expect((await meOf(used.token)).status).toBe(200);
      }
      expectError(await meOf(unused), 401, "auth.credential_invalid");
      await own.application.kernel.stateOf<SessionCache>(sessions).flush();
      const listed = await own.call("GET /api/v1/iam/auth/sessions", { token: used.token });
      expect(listed.body.items).toHaveLength(1);
    } finally {
      await own.close();
    }
  });

  it("expires at the absolute limit, also while it is used", async () => {
    const own = await startTestServer({ SESSION_IDLE_SECONDS: "600", SESSION_ABSOLUTE_SECONDS: "1500" });
    const meOf = (token: string) => own.call("GET /api/v1/iam/users/me", { token });
    try {
      const person = await newPerson(own);
      for (let step = 0; step < 3; step += 1) {
        own.clock.advance(450);
        expect((await meOf(person.token)).status).toBe(200);
      }
      own.clock.advance(160);
      expectError(await meOf(person.token), 401, "auth.credential_invalid");
    } finally {
      await own.close();
    }
  });

  it("has the time of its last use recorded", async () => {
    const person = await newPerson(server);
    const before = (await list(person.token)).body.items[0].lastActiveAt;
    server.clock.advance(120);
    await me(person.token);
    await server.application.kernel.stateOf<SessionCache>(sessions).flush();
    const { lastActiveAt } = (await list(person.token)).body.items[0];
    expect(new Date(lastActiveAt).getTime() - new Date(before).getTime()).toBeGreaterThanOrEqual(120_000);
  });

  it("that has expired is deleted by the job, and a live one is not", async () => {
    const person = await newPerson(server);
    server.clock.advance(23 * 3_600);
    const fresh = await signIn(server, person.email);
    server.clock.advance(2 * 3_600);
    const removed = await asOperator(server, "sessions.deleteExpiredSessions", {});
    expect(removed).toMatchObject({ removed: expect.any(Number), more: false });
    const { rows } = await sql<{ count: string }>`select count(*)::text as count from sessions where user_id = ${person.id}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows[0]?.count).toBe("1");
    const { rows: events } = await sql<{ data: object; organization_id: string | null }>`
      select data, organization_id from events where type = 'session.expired.v1' and data->>'userId' = ${person.id}`.execute(
      server.application.platform.database.owner,
    );
    expect(events).toEqual([
      {
        data: { sessionId: expect.any(String), userId: person.id, organizationId: null, reason: "not_used" },
        organization_id: null,
      },
    ]);
    expect((await me(fresh)).status).toBe(200);
    expectError(await me(person.token), 401, "auth.credential_invalid");
  });

  it("for an organization ends with the membership", async () => {
    const organization = await newOrganization(server);
    const person = await newPerson(server);
    const member = await joinAs(server, organization, person, (await rolesOf(server, organization))["Member"] as string);
    const scoped = await signIn(server, person.email, organization.id);
    expect((await me(scoped)).status).toBe(200);
    const { owner } = server.application.platform.database;
    const { rows } = await sql<{ row: unknown }>`
    select to_jsonb(sessions) as row from sessions where user_id = ${person.id} and organization_id is not null`.execute(owner);
    const sessionRow = rows[0]?.row;
    expect(sessionRow).toMatchObject({ organization_id: organization.id });
    const removed = await server.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${member.id}`, {
      token: organization.owner.token,
    });
    expectWritten(removed, 204);
    expectError(await me(scoped), 401, "auth.credential_invalid");
    await expect.poll(async () => (await list(person.token)).body.items.length, { timeout: 5_000 }).toBe(1);
    expectError(await me(scoped), 401, "auth.credential_invalid");
    // The row is deleted shortly after the membership; until then the session is refused.
    await sql`insert into sessions select * from jsonb_populate_record(null::sessions, ${JSON.stringify(sessionRow)}::jsonb)`.execute(
      owner,
    );
    expectError(await me(scoped), 401, "auth.credential_invalid");
    expect((await me(person.token)).status).toBe(200);
  });
});
