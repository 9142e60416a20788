import { expectError } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  joinAs,
  newAdministrator,
  newOrganization,
  newPerson,
  type Person,
  rolesOf,
  signIn,
  tokenIn,
} from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, backend, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revocationBoundMs } from "#platform/log/follower.ts";

/** PGlite is used by one process, so there is no second one. */
describe.runIf(backend === "postgresql")("a second process on the same database (PostgreSQL only: PGlite has one process)", () => {
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    first = await startTestServer();
    second = await first.startAnother();
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const callSecond = (token: string): Promise<Answer<AnyBody>> => second.call("GET /api/v1/iam/users/me", { token });

  /** Makes a change on the first process, waits until the second one refuses the token, and returns the time in between. */
  async function refusedWithin(token: string, change: () => Promise<Answer<AnyBody>>): Promise<number> {
    expect((await callSecond(token)).status).toBe(200);
    const answer = await change();
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    const sinceChange = startStopwatch();
    await expect.poll(async () => (await callSecond(token)).status, { interval: 5, timeout: 60_000 }).toBe(401);
    return sinceChange.idleMs();
  }

  it("refuses a session after a sign-out within the revocation bound", async () => {
    const person = await newPerson(first);
    const took = await refusedWithin(person.token, () => first.call("POST /api/v1/iam/auth/logout", { token: person.token }));
    expect(took).toBeLessThan(revocationBoundMs);
  });

  it("refuses a session after a password reset within the revocation bound", async () => {
    const person = await newPerson(first);
    await first.call("POST /api/v1/iam/auth/forgot-password", { body: { email: person.email }, from: anAddress() });
    const token = tokenIn(await first.mail(person.email, "reset-password"));
    const took = await refusedWithin(person.token, () =>
      first.call("POST /api/v1/iam/auth/reset-password", { body: { token, password: "a harbour after the storm" }, from: anAddress() }),
    );
    expect(took).toBeLessThan(revocationBoundMs);
  });

  it("refuses a suspended user within the revocation bound, and denies their checks", async () => {
    const [person, administrator] = [await newPerson(first), await newAdministrator(first)];
    const organization = await newOrganization(first, person);
    const check = () =>
      second.call("POST /api/v1/iam/authorization/check", {
        token: administrator.token,
        body: { userId: person.id, tenantId: organization.id, actionType: "Organization.Update" },
      });
    // Without a minimal revision, the change is observed within the revocation bound.
    await expect.poll(async () => (await check()).body.isAuthorized, { interval: 5, timeout: 60_000 }).toBe(true);
    const took = await refusedWithin(person.token, () =>
      first.call(`PATCH /api/v1/users/${person.id}`, { token: administrator.token, body: { status: "Suspended" } }),
    );
    expect(took).toBeLessThan(revocationBoundMs);
    expect((await check()).body).toMatchObject({ isAuthorized: false, reasonCode: "user_inactive" });
  });

  it("ends a session of the first process", async () => {
    const person = await newPerson(first);
    const other = await signIn(second, person.email);
    const { body } = await second.call("GET /api/v1/iam/auth/sessions", { token: person.token });
    const target = body.items.find((session: AnyBody) => !session.current);
    expect((await first.call("GET /api/v1/iam/users/me", { token: other })).status).toBe(200);
    await second.call(`DELETE /api/v1/iam/auth/sessions/${target.id}`, { token: person.token });
    await expect
      .poll(async () => (await first.call("GET /api/v1/iam/users/me", { token: other })).status, {
        interval: 5,
        timeout: 60_000,
      })
      .toBe(401);
  });

  it("never decides from before a revision that the first process has written", async () => {
    const organization = await newOrganization(first);
    const roles = await rolesOf(first, organization);
    const member: Person = await newPerson(first);
    const { id } = await joinAs(first, organization, member, roles["Member"] as string);
    const decided = async (minRevision: unknown) =>
      (
        await second.call("POST /api/v1/iam/authorization/check", {
          token: member.token,
          body: { userId: member.id, tenantId: organization.id, actionType: "Organization.Update", minRevision },
        })
      ).body.isAuthorized;
    for (let round = 0; round < 20; round += 1) {
      const role = round % 2 === 0 ? "Admin" : "Member";
      const changed = await first.call(`PUT /api/v1/iam/organizations/${organization.id}/memberships/${id}`, {
        token: organization.owner.token,
        body: { roleId: roles[role] },
      });
      expect(changed.status, JSON.stringify(changed.body)).toBe(200);
      expect(await decided(changed.headers["x-gatehouse-revision"]), `round ${round}`).toBe(role === "Admin");
    }
  });

  it("returns the answer of an Idempotency-Key from the first process", async () => {
    const { token } = await newPerson(first);
    const name = `Across ${crypto.randomUUID()}`;
    const create = (on: TestServer) =>
      on.call("POST /api/v1/iam/organizations", {
        token,
        body: { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" },
        headers: { "idempotency-key": "across" },
      });
    const [one, other] = [await create(first), await create(second)];
    expect(one.status).toBe(201);
    expect(other.body).toEqual(one.body);
  });

  it("leaves one owner where both processes remove an owner concurrently", async () => {
    const organization = await newOrganization(first);
    const roles = await rolesOf(first, organization);
    const partner = await newPerson(first);
    const membership = await joinAs(first, organization, partner, roles["Owner"] as string);
    const listed = await first.call(`GET /api/v1/iam/organizations/${organization.id}/memberships`, { token: partner.token });
    const own = listed.body.items.find((member: AnyBody) => member.userId === organization.owner.id);
    const answers = await Promise.all([
      first.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${membership.id}`, { token: organization.owner.token }),
      second.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${own.id}`, { token: partner.token }),
    ]);
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 204)) {
      if (refused.status === 409) expectError(refused, 409, "tenancy.last_owner");
      else expect([403, 404]).toContain(refused.status);
    }
  });
});

describe.runIf(backend === "pglite")("a second process on the embedded database", () => {
  it.skip("is not possible: PGlite has one process (run with TEST_BACKEND=postgresql)", () => {});
});
