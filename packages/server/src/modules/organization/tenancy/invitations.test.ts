import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  joinAs,
  mailedToken,
  newAdministrator,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  rolesOf,
  signIn,
  tokenIn,
  unique,
} from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const unknownId = "0198c0de-0000-7000-8000-000000000000";
const week = 7 * 24 * 3_600;

interface Setting {
  readonly organization: OrganizationOf;
  readonly roles: Readonly<Record<string, string>>;
}
async function newSetting(): Promise<Setting> {
  const organization = await newOrganization(server);
  return { organization, roles: await rolesOf(server, organization) };
}

const invite = (
  { organization, roles }: Setting,
  email: string,
  body: unknown = { roleId: roles["Member"] },
  token?: string,
): Promise<Answer<AnyBody>> =>
  server.call(`POST /api/v1/iam/organizations/${organization.id}/invitations`, {
    token: token ?? organization.owner.token,
    body: { email, ...(body as object) },
  });
const accept = (id: string, token: string, person: Person): Promise<Answer<AnyBody>> =>
  server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: person.token, body: { token } });
const revoke = (id: string, token: string): Promise<Answer<AnyBody>> => server.call(`DELETE /api/v1/iam/invitations/${id}`, { token });
const list = ({ organization }: Setting, query = "", token?: string): Promise<Answer<AnyBody>> =>
  server.call(`GET /api/v1/iam/organizations/${organization.id}/invitations${query}`, { token: token ?? organization.owner.token });

interface Invited {
  readonly id: string;
  readonly token: string;
}
/** Invites and takes the token of this invitation from its mail. */
async function invited(at: Setting, person: { readonly email: string }, body?: unknown): Promise<Invited> {
  const answer = await invite(at, person.email, body);
  expectWritten(answer, 201);
  return { id: answer.body.id, token: await mailedToken(server, person.email, answer.body.id) };
}

describe("POST /api/v1/iam/organizations/{id}/invitations", () => {
  it("answers 201 with the open invitation, never its token, and mails the link in the inviter's language", async () => {
    const at = await newSetting();
    const email = `Guest-${unique()}@Example.com`;
    await server.call("PUT /api/v1/iam/users/me", { token: at.organization.owner.token, body: { locale: "vi" } });
    const answer = await invite(at, email);
    expectWritten(answer, 201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      organizationId: at.organization.id,
      email,
      roleIds: [at.roles["Member"]],
      status: "Pending",
      expiresAt: expect.stringMatching(/Z$/),
      createdAt: expect.stringMatching(/Z$/),
    });
    expect(new Date(answer.body.expiresAt).getTime() - new Date(answer.body.createdAt).getTime()).toBe(week * 1_000);
    const mail = await server.mail(email, "invitation");
    expect(mail.subject).toBe(`Lời mời tham gia ${at.organization.body.name}`);
    expect(mail.links).toEqual([
      expect.stringMatching(new RegExp(`^http://127\\.0\\.0\\.1:8080/invitations/${answer.body.id}/accept\\?token=[\\w-]{43}$`)),
    ]);
    const { rows } = await sql<{ token: string }>`select token from invitations where id = ${answer.body.id}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows[0]?.token).not.toBe(tokenIn(mail));
  });

  it("allows one open invitation for an address, case-insensitively, also of sixteen concurrent ones", async () => {
    const at = await newSetting();
    const email = `guest-${unique()}@example.com`;
    const answers = await Promise.all(Array.from({ length: 16 }, () => invite(at, email)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 201)) expectError(refused, 409, "tenancy.invitation_exists", "email");
    expectError(await withoutTrace(server, () => invite(at, email.toUpperCase())), 409, "tenancy.invitation_exists");
    expectWritten(await invite(await newSetting(), email), 201);
  });

  it("refuses the address of a member", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    await joinAs(server, at.organization, person, at.roles["Member"] as string);
    expectError(await withoutTrace(server, () => invite(at, person.email.toUpperCase())), 409, "tenancy.already_member", "email");
    expectError(await withoutTrace(server, () => invite(at, at.organization.owner.email)), 409, "tenancy.already_member", "email");
  });

  it("accepts only roles of the organization whose permissions the inviter holds", async () => {
    const [at, other] = [await newSetting(), await newSetting()];
    const admin = await newPerson(server);
    await joinAs(server, at.organization, admin, at.roles["Admin"] as string);
    const attempt = (body: unknown, token?: string) => withoutTrace(server, () => invite(at, `guest-${unique()}@example.com`, body, token));
    for (const name of ["Member", "Owner"]) {
      expectError(await attempt({ roleId: other.roles[name] }), 404, "tenancy.role_not_found");
      expectError(await attempt({ roleId: other.roles[name] }, admin.token), 404, "tenancy.role_not_found");
    }
    expectError(await attempt({ roleId: unknownId }), 404, "tenancy.role_not_found");
    expectError(await attempt({ roleId: at.roles["Owner"] }, admin.token), 403, "access.permission_not_held");
    expectError(await attempt({}), 400, "common.validation_failed", "roleId");
    expectError(await attempt({ roleId: at.roles["Member"], roleIds: [at.roles["Member"]] }), 400, "common.validation_failed", "roleId");
    expectError(await attempt({ roleId: at.roles["Member"], status: "Accepted" }), 400, "common.validation_failed", "status");
    const several = await invite(at, `guest-${unique()}@example.com`, { roleIds: [at.roles["Member"], at.roles["Admin"]] }, admin.token);
    expect(several.body.roleIds.toSorted()).toEqual([at.roles["Member"], at.roles["Admin"]].toSorted());
  });

  it("is refused to a member with 403 and to a non-member with 404", async () => {
    const at = await newSetting();
    const [member, nonMember] = [await newPerson(server), await newPerson(server)];
    await joinAs(server, at.organization, member, at.roles["Member"] as string);
    const attempt = (token: string) => withoutTrace(server, () => invite(at, "guest@example.com", undefined, token));
    expectError(await attempt(member.token), 403, "auth.permission_denied");
    expectError(await attempt(nonMember.token), 404, "tenancy.organization_not_found");
    expectError(await list(at, "", member.token), 403, "auth.permission_denied");
    expectError(await list(at, "", nonMember.token), 404, "tenancy.organization_not_found");
  });
});

describe("POST /api/v1/iam/invitations/{id}/accept", () => {
  it("makes the invited user a member with the offered roles, and checks change immediately", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const { id, token } = await invited(at, person, { roleIds: [at.roles["Member"], at.roles["Admin"]] });
    const check = async () =>
      (
        await server.call("POST /api/v1/iam/authorization/check", {
          token: person.token,
          body: { userId: person.id, tenantId: at.organization.id, actionType: "Organization.Update" },
        })
      ).body;
    expect(await check()).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    const answer = await accept(id.toUpperCase(), token, person);
    expectWritten(answer, 200);
    expect(answer.body).toMatchObject({ userId: person.id, organizationId: at.organization.id, version: 1 });
    expect(answer.body.roles.map(({ name }: AnyBody) => name).sort()).toEqual(["Admin", "Member"]);
    expect(answer.headers["etag"]).toBe('"1"');
    expect((await check()).isAuthorized).toBe(true);
  });

  it("works once, also of sixteen concurrent uses", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const { id, token } = await invited(at, person);
    const answers = await Promise.all(Array.from({ length: 16 }, () => accept(id, token, person)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 200)) expectError(refused, 409, "tenancy.invitation_accepted");
    expectError(await withoutTrace(server, () => accept(id, token, person)), 409, "tenancy.invitation_accepted");
    const { body } = await server.call(`GET /api/v1/iam/organizations/${at.organization.id}/memberships`, {
      token: at.organization.owner.token,
    });
    expect(body.items).toHaveLength(2);
  });

  it("is for the invited address only, and answers a wrong token like an unknown invitation", async () => {
    const [at, other] = [await newSetting(), await newSetting()];
    const [person, nonMember] = [await newPerson(server), await newPerson(server)];
    const { id, token } = await invited(at, person);
    const elsewhere = await invited(other, person);
    const attempt = (invitation: string, shown: string, as: Person) => withoutTrace(server, () => accept(invitation, shown, as));
    expectError(await attempt(id, token, nonMember), 403, "tenancy.invitation_for_another");
    const wrong = await attempt(id, "x".repeat(43), person);
    const unknown = await attempt(unknownId, token, person);
    expectError(wrong, 404, "tenancy.invitation_not_found");
    expect({ ...wrong.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    expectError(await attempt(id, elsewhere.token, person), 404, "tenancy.invitation_not_found");
    expectError(
      await withoutTrace(server, () => server.call(`POST /api/v1/iam/invitations/${id}/accept`, { body: { token } })),
      401,
      "auth.credential_required",
    );
    expectWritten(await accept(id, token, person), 200);
  });

  it("has separate error codes for expired and revoked invitations", async () => {
    const at = await newSetting();
    const [late, unwanted] = [await newPerson(server), await newPerson(server)];
    const revoked = await invited(at, unwanted);
    expectWritten(await revoke(revoked.id, at.organization.owner.token), 204);
    expectError(await withoutTrace(server, () => accept(revoked.id, revoked.token, unwanted)), 409, "tenancy.invitation_revoked");
    const expired = await invited(at, late);
    server.clock.advance(week + 1);
    const again: Person = { ...late, token: (await signInAgain(late)).token };
    expectError(await withoutTrace(server, () => accept(expired.id, expired.token, again)), 409, "tenancy.invitation_expired");
  });

  it("is refused while the organization is suspended, and the invitation remains open", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const { token: administrator } = await newAdministrator(server);
    const open = await invited(at, person);
    const set = (status: string) =>
      server.call(`PUT /api/v1/iam/organizations/${at.organization.id}`, { token: administrator, body: { status } });
    await set("Suspended");
    expectError(await withoutTrace(server, () => accept(open.id, open.token, person)), 403, "auth.organization_suspended");
    await set("Active");
    expectWritten(await accept(open.id, open.token, person), 200);
  });
});

async function signInAgain(person: Person): Promise<Person> {
  return { ...person, token: await signIn(server, person.email) };
}

describe("DELETE /api/v1/iam/invitations/{id}", () => {
  it("revokes an open invitation with 204, and has an error code for every other status", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const open = await invited(at, person);
    const attempt = (id: string, token = at.organization.owner.token) => withoutTrace(server, () => revoke(id, token));
    expectError(await attempt(open.id, person.token), 404, "tenancy.invitation_not_found");
    expectError(await attempt(open.id, (await newSetting()).organization.owner.token), 404, "tenancy.invitation_not_found");
    expectWritten(await revoke(open.id, at.organization.owner.token), 204);
    expectError(await attempt(open.id), 409, "tenancy.invitation_revoked");
    const accepted = await invited(at, person);
    await accept(accepted.id, accepted.token, person);
    expectError(await attempt(accepted.id), 409, "tenancy.invitation_accepted");
    expectError(await attempt(unknownId), 404, "tenancy.invitation_not_found");
    const late = await invited(at, { email: `late-${unique()}@example.com` });
    server.clock.advance(week + 1);
    const owner = await signInAgain(at.organization.owner);
    expectError(await attempt(late.id, owner.token), 409, "tenancy.invitation_expired");
    await asOperator(server, "tenancy.expireInvitations", {});
    expectError(await attempt(late.id, owner.token), 409, "tenancy.invitation_expired");
  });

  it("and a concurrent acceptance never both succeed", async () => {
    const at = await newSetting();
    for (let round = 0; round < 4; round += 1) {
      const person = await newPerson(server);
      const open = await invited(at, person);
      const [taken, ended] = await Promise.all([accept(open.id, open.token, person), revoke(open.id, at.organization.owner.token)]);
      expect([taken.status, ended.status].sort()).toEqual(taken.status === 200 ? [200, 409] : [204, 409]);
    }
  });
});

describe("GET /api/v1/iam/organizations/{id}/invitations", () => {
  it("lists invitations by status without tokens, and shows expired ones as expired before the job has run", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const accepted = await invited(at, person);
    await accept(accepted.id, accepted.token, person);
    const revoked = await invited(at, { email: `r-${unique()}@example.com` });
    await revoke(revoked.id, at.organization.owner.token);
    const lateEmail = `l-${unique()}@example.com`;
    const late = await invited(at, { email: lateEmail });
    server.clock.advance(week + 1);
    const { token } = await signInAgain(at.organization.owner);
    const again: Setting = { ...at, organization: { ...at.organization, owner: { ...at.organization.owner, token } } };
    const idsOf = async (status: string) => {
      const answer = await list(again, `?status=${status}`);
      expectRead(answer);
      return answer.body.items.map((one: AnyBody) => [one.id, one.status]);
    };
    for (let jobRuns = 0; jobRuns < 2; jobRuns += 1) {
      expect(await idsOf("Expired")).toEqual([[late.id, "Expired"]]);
      expect(await idsOf("Pending")).toEqual([]);
      await asOperator(server, "tenancy.expireInvitations", {});
    }
    expect(await idsOf("Accepted")).toEqual([[accepted.id, "Accepted"]]);
    expect(await idsOf("Revoked")).toEqual([[revoked.id, "Revoked"]]);
    const anew = await invited(again, { email: lateEmail });
    expect(await idsOf("Pending")).toEqual([[anew.id, "Pending"]]);
    const all = await list(again, "?limit=2");
    expect(all.body.items.map((one: AnyBody) => one.id)).toEqual([accepted.id, revoked.id]);
    expect(JSON.stringify(all.body)).not.toContain("token");
    const rest = await list(again, `?limit=2&cursor=${all.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ id: late.id }, { id: anew.id }], nextCursor: null });
    expectError(await list(again, "?status=Gone"), 400, "common.validation_failed", "status");
  });

  it("allows a new invitation after the last one was revoked or has expired", async () => {
    const at = await newSetting();
    const person = await newPerson(server);
    const first = await invited(at, person);
    await revoke(first.id, at.organization.owner.token);
    const second = await invited(at, person);
    server.clock.advance(week + 1);
    const owner = await signInAgain(at.organization.owner);
    const again: Setting = { ...at, organization: { ...at.organization, owner } };
    const third = await invited(again, person);
    const guest = await signInAgain(person);
    expectError(await accept(first.id, first.token, guest), 409, "tenancy.invitation_revoked");
    expectError(await accept(second.id, second.token, guest), 409, "tenancy.invitation_expired");
    expectWritten(await accept(third.id, third.token, guest), 200);
  });
});

describe("roles that an invitation offers", () => {
  it("cannot be deleted while it is open, and can be once it is accepted, revoked or expired", async () => {
    const at = await newSetting();
    const { token } = at.organization.owner;
    const role = async () =>
      (
        await server.call("POST /api/v1/iam/roles", {
          token,
          body: { name: `Guest ${unique()}`, scope: "Organization", organizationId: at.organization.id },
        })
      ).body.id as string;
    const remove = (id: string, by = token) => server.call(`DELETE /api/v1/iam/roles/${id}`, { token: by });
    const [first, second, third] = [await role(), await role(), await role()];
    const revoked = await invited(at, { email: `a-${unique()}@example.com` }, { roleId: first });
    expectError(await withoutTrace(server, () => remove(first)), 409, "access.role_in_use");
    await revoke(revoked.id, token);
    expectWritten(await remove(first), 204);

    const person = await newPerson(server);
    const accepted = await invited(at, person, { roleId: second });
    const membership = (await accept(accepted.id, accepted.token, person)).body;
    expectError(await withoutTrace(server, () => remove(second)), 409, "access.role_in_use");
    await server.call(`PUT /api/v1/iam/organizations/${at.organization.id}/memberships/${membership.id}`, {
      token,
      body: { roleId: at.roles["Member"] },
    });
    expectWritten(await remove(second), 204);

    await invited(at, { email: `c-${unique()}@example.com` }, { roleId: third });
    server.clock.advance(week + 1);
    const owner = await signInAgain(at.organization.owner);
    expectError(await remove(third, owner.token), 409, "access.role_in_use");
    await asOperator(server, "tenancy.expireInvitations", {});
    expectWritten(await remove(third, owner.token), 204);
  });
});
