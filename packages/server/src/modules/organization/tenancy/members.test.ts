import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newPerson, type Person, signIn, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { newTenant, type Tenant } from "@gatehouse/testing/tenant.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();

const unknownId = "0198c0de-0000-7000-8000-000000000000";

interface Team extends Pick<Tenant, "organization" | "roles" | "admin" | "member"> {
  readonly membershipOf: Tenant["membershipIds"];
}

async function team(): Promise<Team> {
  const { organization, roles, admin, member, membershipIds } = await newTenant(server, ["admin", "member"]);
  return { organization, roles, admin, member, membershipOf: membershipIds };
}

const list = (organization: { id: string }, token: string, query = ""): Promise<Answer<AnyBody>> =>
  server.call(`GET /api/v1/iam/organizations/${organization.id}/memberships${query}`, { token });
const change = (organization: { id: string }, membership: string, token: string, body: unknown, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`PUT /api/v1/iam/organizations/${organization.id}/memberships/${membership}`, { token, body, headers });
const remove = (organization: { id: string }, membership: string, token: string, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${membership}`, { token, headers });
const may = async (person: Person, organization: { id: string }, actionType: string): Promise<AnyBody> =>
  (
    await server.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, tenantId: organization.id, actionType },
    })
  ).body;

describe("the event assignment.changed.v1", () => {
  it("has the current, the added and the removed roles", async () => {
    const { organization, roles, member, membershipOf } = await team();
    const [from, to] = [roles["Member"] as string, roles["Admin"] as string];
    expectWritten(await change(organization, membershipOf.member, organization.owner.token, { roleIds: [from, to] }), 200);
    expectWritten(await change(organization, membershipOf.member, organization.owner.token, { roleIds: [to] }), 200);
    expectWritten(await remove(organization, membershipOf.member, organization.owner.token), 204);
    const { rows } = await sql<{ data: AnyBody }>`
      select data from events where type = 'assignment.changed.v1' and data->>'userId' = ${member.id} order by sequence`.execute(
      server.application.platform.database.owner,
    );
    const changes = rows.map(({ data }) => [data.roleIds.toSorted(), data.addedRoleIds, data.removedRoleIds]);
    expect(changes).toEqual([
      [[from], [from], []],
      [[from, to].toSorted(), [to], []],
      [[to], [], [from]],
      [[], [], [to]],
    ]);
  });
});

describe("GET /api/v1/iam/organizations/{id}/memberships", () => {
  it("lists members with their roles in pages to every member, and answers 404 to a non-member", async () => {
    const { organization, member, admin } = await team();
    const pages: AnyBody[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Answer<AnyBody> = await list(organization, member.token, `?limit=1${cursor && `&cursor=${cursor}`}`);
      expectRead(page);
      expect(page.body.items).toHaveLength(1);
      pages.push(page.body.items[0]);
      cursor = page.body.nextCursor;
    }
    expect(pages.map(({ userId, roles }) => [userId, roles.map(({ name }: AnyBody) => name)])).toEqual([
      [organization.owner.id, ["Owner"]],
      [admin.id, ["Admin"]],
      [member.id, ["Member"]],
    ]);
    expect(Object.keys(pages[0]).sort()).toEqual(
      ["id", "joinedAt", "organizationId", "roleId", "roles", "user", "userId", "version"].sort(),
    );
    expect(pages[2].user).toEqual({ email: member.email, firstName: "member", lastName: "Test", status: "Active" });
    expectError(await list(organization, (await newPerson(server)).token), 404, "tenancy.organization_not_found");
  });

  it("refuses a forged cursor, and a cursor of another organization", async () => {
    const [one, other] = [await team(), await team()];
    const theirs = (await list(other.organization, other.organization.owner.token, "?limit=1")).body.nextCursor;
    expect(theirs).toEqual(expect.any(String));
    const own = (await list(one.organization, one.member.token, "?limit=1")).body.nextCursor as string;
    const flipped = own.slice(0, -2) + (own.endsWith("AA") ? "BB" : "AA");
    for (const cursor of [theirs, "x", "e30", flipped, `${own}x`, ""]) {
      const answer = await list(one.organization, one.member.token, `?cursor=${cursor}`);
      expectError(answer, 400, "common.validation_failed", "cursor");
    }
    for (const query of ["?limit=0", "?limit=201", "?limit=ten", "?offset=3"]) {
      expectError(await list(one.organization, one.member.token, query), 400, "common.validation_failed");
    }
    expect((await list(one.organization, one.member.token, "?limit=200")).body.items).toHaveLength(3);
  });
});

describe("PUT /api/v1/iam/organizations/{id}/memberships/{id}", () => {
  it("replaces all roles by one or several, and checks change immediately", async () => {
    const { organization, roles, member, membershipOf } = await team();
    const { token } = organization.owner;
    expect((await may(member, organization, "Organization.Update")).isAuthorized).toBe(false);
    const one = await change(organization, membershipOf.member, token, { roleId: roles["Admin"] });
    expectWritten(one, 200);
    expect(one.body).toMatchObject({
      id: membershipOf.member,
      userId: member.id,
      roleId: roles["Admin"],
      roles: [{ name: "Admin" }],
      version: 2,
    });
    expect(one.headers["etag"]).toBe('"2"');
    expect(await may(member, organization, "Organization.Update")).toMatchObject({ isAuthorized: true, reason: "Allowed by role 'Admin'" });
    const several = await change(organization, membershipOf.member, token, {
      roleIds: [roles["Member"], (roles["Owner"] as string).toUpperCase()],
    });
    expect(several.body.roles.map(({ name }: AnyBody) => name).sort()).toEqual(["Member", "Owner"]);
    expect(several.body.roleId).toBe(roles["Member"]);
    expect((await may(member, organization, "Organization.ManageOwners")).isAuthorized).toBe(true);
    await change(organization, membershipOf.member, token, { roleIds: [roles["Member"]] });
    expect(await may(member, organization, "Organization.ManageOwners")).toMatchObject({
      isAuthorized: false,
      reasonCode: "missing_permission",
    });
  });

  it("refuses roleId with roleIds, neither, an unknown role and a role of another organization", async () => {
    const { organization, roles, membershipOf } = await team();
    const other = await team();
    const attempt = (body: unknown) =>
      withoutTrace(server, () => change(organization, membershipOf.member, organization.owner.token, body));
    expectError(await attempt({ roleId: roles["Admin"], roleIds: [roles["Admin"]] }), 400, "common.validation_failed", "roleId");
    expectError(await attempt({}), 400, "common.validation_failed", "roleId");
    expectError(await attempt({ roleIds: [] }), 400, "common.validation_failed", "roleIds");
    expectError(await attempt({ roleIds: [roles["Admin"], roles["Admin"]] }), 400, "common.validation_failed", "roleIds");
    expectError(await attempt({ roleId: unknownId }), 404, "tenancy.role_not_found");
    for (const name of ["Member", "Owner"]) {
      const refused = await attempt({ roleId: other.roles[name] });
      expectError(refused, 404, "tenancy.role_not_found");
    }
    expectError(await attempt({ roleIds: [roles["Admin"], other.roles["Member"]] }), 404, "tenancy.role_not_found");
  });

  it("refuses to replace the role of the last owner, also for themselves", async () => {
    const { organization, roles, admin, membershipOf } = await team();
    const { token } = organization.owner;
    const attempt = () => change(organization, membershipOf.owner, token, { roleId: roles["Admin"] });
    expectError(await withoutTrace(server, attempt), 409, "tenancy.last_owner", "membershipId");
    expectError(await withoutTrace(server, () => remove(organization, membershipOf.owner, token)), 409, "tenancy.last_owner");
    expectWritten(await change(organization, membershipOf.admin, token, { roleId: roles["Owner"] }), 200);
    expectWritten(await attempt(), 200);
    expect((await may(admin, organization, "Organization.ManageOwners")).isAuthorized).toBe(true);
    expectError(await change(organization, membershipOf.admin, token, { roleId: roles["Member"] }), 403, "access.permission_not_held");
  });

  it("leaves one owner where two owners replace each other's role concurrently", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { organization, roles, admin, membershipOf } = await team();
      await change(organization, membershipOf.admin, organization.owner.token, { roleId: roles["Owner"] });
      const answers = await Promise.all([
        change(organization, membershipOf.admin, organization.owner.token, { roleId: roles["Member"] }),
        change(organization, membershipOf.owner, admin.token, { roleId: roles["Member"] }),
      ]);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      const { body } = await list(organization, admin.token);
      expect(body.items.filter((one: AnyBody) => one.roles.some(({ name }: AnyBody) => name === "Owner"))).toHaveLength(1);
    }
  });

  it("refuses privilege escalation, and the removal of roles from a more privileged member", async () => {
    const { organization, roles, admin, member, membershipOf } = await team();
    const attempt = (token: string, membership: string, roleId: unknown) =>
      withoutTrace(server, () => change(organization, membership, token, { roleId }));
    expectError(await attempt(admin.token, membershipOf.admin, roles["Owner"]), 403, "access.permission_not_held");
    expectError(await attempt(admin.token, membershipOf.member, roles["Owner"]), 403, "access.permission_not_held");
    expectError(await attempt(admin.token, membershipOf.owner, roles["Member"]), 403, "access.permission_not_held");
    expectError(await withoutTrace(server, () => remove(organization, membershipOf.owner, admin.token)), 403, "access.permission_not_held");
    expectError(await attempt(member.token, membershipOf.member, roles["Admin"]), 403, "auth.permission_denied");
    expectWritten(await change(organization, membershipOf.member, admin.token, { roleId: roles["Admin"] }), 200);
  });

  it("finds only the organization's own memberships, and honours If-Match", async () => {
    const [one, other] = [await team(), await team()];
    const { organization, roles, membershipOf } = one;
    const attempt = (membership: string, headers = {}) =>
      withoutTrace(server, () => change(organization, membership, organization.owner.token, { roleId: roles["Admin"] }, headers));
    expectError(await attempt(other.membershipOf.member), 404, "tenancy.membership_not_found");
    expectError(await attempt(unknownId), 404, "tenancy.membership_not_found");
    expectError(await attempt(membershipOf.member, { "if-match": '"9"' }), 412, "common.version_conflict");
    const nonMember = await withoutTrace(server, () =>
      change(other.organization, other.membershipOf.member, organization.owner.token, { roleId: other.roles["Admin"] }),
    );
    expectError(nonMember, 404, "tenancy.organization_not_found");
  });
});

describe("DELETE /api/v1/iam/organizations/{id}/memberships/{id}", () => {
  it("removes the member with 204, and their checks are immediately denied as for a non-member", async () => {
    const { organization, admin, member, membershipOf } = await team();
    expect((await may(member, organization, "Organization.Read")).isAuthorized).toBe(true);
    expectWritten(await remove(organization, membershipOf.member, admin.token), 204);
    expect(await may(member, organization, "Organization.Read")).toMatchObject({
      isAuthorized: false,
      reasonCode: "not_a_member",
      missingPermissions: ["Organization.Read"],
    });
    expectError(await list(organization, member.token), 404, "tenancy.organization_not_found");
    expectError(
      await withoutTrace(server, () => remove(organization, membershipOf.member, admin.token)),
      404,
      "tenancy.membership_not_found",
    );
    expect((await list(organization, admin.token)).body.items).toHaveLength(2);
  });

  it("is refused for a plain member, for another organization's membership, and with a stale If-Match", async () => {
    const [one, other] = [await team(), await team()];
    const { organization, member, membershipOf } = one;
    const attempt = (token: string, membership: string, headers = {}) =>
      withoutTrace(server, () => remove(organization, membership, token, headers));
    expectError(await attempt(member.token, membershipOf.admin), 403, "auth.permission_denied");
    expectError(await attempt(organization.owner.token, other.membershipOf.member), 404, "tenancy.membership_not_found");
    expectError(await attempt(organization.owner.token, membershipOf.member, { "if-match": '"2"' }), 412, "common.version_conflict");
    expectWritten(await remove(organization, membershipOf.member, organization.owner.token, { "if-match": '"1"' }), 204);
  });

  it("lets every member leave, whatever roles they have", async () => {
    const { organization, roles, admin, member, membershipOf } = await team();
    const empty = await server.call("POST /api/v1/iam/roles", {
      token: organization.owner.token,
      body: { name: `Nothing ${unique()}`, scope: "Organization", organizationId: organization.id },
    });
    expectWritten(await change(organization, membershipOf.member, organization.owner.token, { roleIds: [empty.body.id] }), 200);
    expectError(
      await withoutTrace(server, () => remove(organization, membershipOf.member, member.token, { "if-match": '"1"' })),
      412,
      "common.version_conflict",
    );
    expectWritten(await remove(organization, membershipOf.member, member.token), 204);
    expectWritten(await remove(organization, membershipOf.admin, admin.token), 204);
    expect((await list(organization, organization.owner.token)).body.items).toHaveLength(1);
    expectError(await list(organization, member.token), 404, "tenancy.organization_not_found");
    expectError(await remove(organization, membershipOf.member, member.token), 404, "tenancy.organization_not_found");
    await server.application.settled();
    const { rows } = await sql<AnyBody>`select user_id, before from audit_entries
      where operation = 'tenancy.removeMember' and user_id = ${member.id} and result = 'success'`.execute(
      server.application.platform.database.owner,
    );
    expect(rows).toHaveLength(1);
    // A former member may be invited again.
    await joinAs(server, organization, member, roles["Member"] as string);
  });

  it("refuses to let the last owner leave", async () => {
    const { organization, roles, admin, membershipOf } = await team();
    const leave = () => remove(organization, membershipOf.owner, organization.owner.token);
    expectError(await withoutTrace(server, leave), 409, "tenancy.last_owner", "membershipId");
    expectWritten(
      await change(organization, membershipOf.admin, organization.owner.token, { roleIds: [roles["Owner"], roles["Admin"]] }),
      200,
    );
    expectWritten(await leave(), 204);
    expectError(await withoutTrace(server, () => remove(organization, membershipOf.admin, admin.token)), 409, "tenancy.last_owner");
  });

  it("is refused for another member's membership, from a session for another organization, and for an unknown id", async () => {
    const [one, other] = [await team(), await team()];
    const { organization, member, membershipOf } = one;
    const attempt = (token: string, membership: string, at = organization) => withoutTrace(server, () => remove(at, membership, token));
    expectError(await attempt(member.token, membershipOf.owner), 403, "auth.permission_denied");
    expectError(await attempt(member.token, unknownId), 403, "auth.permission_denied");
    expectError(await attempt(member.token, other.membershipOf.member), 403, "auth.permission_denied");
    expectError(await attempt(member.token, other.membershipOf.member, other.organization), 404, "tenancy.organization_not_found");
    expectError(await attempt(member.token, membershipOf.member, other.organization), 404, "tenancy.organization_not_found");
    await joinAs(server, other.organization, member, other.roles["Member"] as string);
    const elsewhere = await signIn(server, member.email, other.organization.id);
    expectError(await attempt(elsewhere, membershipOf.member), 404, "tenancy.organization_not_found");
  });

  it("allows a removed member to join again with a new membership", async () => {
    const { organization, roles, member, membershipOf } = await team();
    await remove(organization, membershipOf.member, organization.owner.token);
    const again = await joinAs(server, organization, member, roles["Admin"] as string);
    expect(again.id).not.toBe(membershipOf.member);
    expect((await may(member, organization, "Organization.Update")).isAuthorized).toBe(true);
  });
});

describe("a member with the permission to change roles", () => {
  it("can assign only roles whose permissions they hold", async () => {
    const { organization, roles, member, membershipOf } = await team();
    const { token } = organization.owner;
    const role = await server.call("POST /api/v1/iam/roles", {
      token,
      body: { name: `People ${unique()}`, scope: "Organization", organizationId: organization.id },
    });
    await server.call(`POST /api/v1/iam/roles/${role.body.id}/permissions`, {
      token,
      body: { permissions: ["Organization.ChangeMemberRole"] },
    });
    await change(organization, membershipOf.member, token, { roleIds: [roles["Member"], role.body.id] });
    const attempt = (roleId: unknown) => change(organization, membershipOf.member, member.token, { roleId });
    const refused = await withoutTrace(server, () => attempt(roles["Admin"]));
    expectError(refused, 403, "access.permission_not_held", "roleIds");
    expect(refused.body.error.details).toContainEqual(expect.objectContaining({ permission: "Organization.Update" }));
    expectWritten(await attempt(roles["Member"]), 200);
  });
});
