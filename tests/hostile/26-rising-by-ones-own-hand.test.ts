import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "../../packages/server/src/testing/server.ts";
import { expectOk } from "./support/ask.ts";
import { leavesNoTrace } from "./support/rows.ts";
import { address, join, makeWorld, newRole, newUser, type World } from "./support/world.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" });
  world = await makeWorld(server);
});
afterAll(() => server.close());

const iam = "/api/v1/iam";

/** 403 or 404, and not a trace. */
async function refused(what: string, token: string, route: string, body?: unknown): Promise<Answer<AnyBody>> {
  return leavesNoTrace(server, what, async () => {
    const answer = await server.call(route, { token, ...(body === undefined ? {} : { body }) });
    expect([403, 404], `${what}: ${answer.status} ${JSON.stringify(answer.body)}`).toContain(answer.status);
    return answer;
  });
}

/** A member with a role that lets him do `permissions` and nothing else. */
async function memberWith(...permissions: string[]) {
  const { own } = world;
  const role = await newRole(server, own.owner.token, own.id);
  await expectOk(server.call(`POST ${iam}/roles/${role.id}/permissions`, { token: own.owner.token, body: { permissions } }));
  const person = await newUser(server, "climber");
  const membership = await join(server, { organizationId: own.id, token: own.owner.token, roleId: role.id }, person);
  return { ...person, roleId: role.id as string, membershipId: membership.id as string };
}

describe("nobody rises by his own hand (26)", () => {
  it("a member gives himself no role, by any way there is", async () => {
    const { member, membershipIds, id, roles, customRoleId } = world.own;
    for (const roleId of [roles["Owner"], roles["Admin"], customRoleId, world.administratorRoleId]) {
      await refused("his own roles", member.token, `PUT ${iam}/organizations/${id}/memberships/${membershipIds.member}`, { roleId });
      await refused("an invitation", member.token, `POST ${iam}/organizations/${id}/invitations`, { email: address("friend"), roleId });
      await refused("the internal scope", member.token, `PUT ${iam}/internal/memberships/${member.id}`, { roleId });
    }
    await refused("a role", member.token, `POST ${iam}/roles`, { name: "Mine", scope: "Organization", organizationId: id });
    await refused("an internal role", member.token, `POST ${iam}/roles`, { name: "Mine", scope: "Internal" });
    await refused("a permission", member.token, `POST ${iam}/permissions`, { value: "Mine", scope: "Organization" });
    for (const roleId of [roles["Member"], customRoleId]) {
      await refused("a role's permissions", member.token, `POST ${iam}/roles/${roleId}/permissions`, { permissions: ["Organization"] });
    }
    await refused("his status", member.token, `PATCH /api/v1/users/${member.id}`, { status: "Active" });
    await refused("the tenant's status", member.token, `PUT ${iam}/organizations/${id}`, { status: "Active" });
  });

  it("an admin makes no owner, not of himself, of another, of a newcomer, alone or among others", async () => {
    const { admin, membershipIds, id, roles } = world.own;
    const owner = roles["Owner"] as string;
    for (const choice of [
      { roleId: owner },
      { roleIds: [owner] },
      { roleIds: [roles["Member"], owner] },
      { roleIds: [owner.toUpperCase()] },
    ]) {
      for (const membership of [membershipIds.admin, membershipIds.member]) {
        await refused("an owner", admin.token, `PUT ${iam}/organizations/${id}/memberships/${membership}`, choice);
      }
      await refused("an invited owner", admin.token, `POST ${iam}/organizations/${id}/invitations`, {
        email: address("friend"),
        ...choice,
      });
    }
  });

  it("an admin neither removes nor demotes an owner", async () => {
    const { admin, membershipIds, id, roles } = world.own;
    const at = `${iam}/organizations/${id}/memberships/${membershipIds.owner}`;
    await refused("the owner's removal", admin.token, `DELETE ${at}`);
    await refused("the owner's demotion", admin.token, `PUT ${at}`, { roleId: roles["Member"] });
  });

  it("who may manage roles gives none of them, his own included, what he does not hold", async () => {
    const climber = await memberWith("Organization.ManageRoles", "Organization.ReadRoles");
    const other = await newRole(server, climber.token, world.own.id);
    const coveted = [
      "Organization",
      "Organization.ManageOwners",
      "Organization.ChangeMemberRole",
      "Organization.InviteMember",
      "User.SetStatus",
      "Tenant",
      "InternalMember.Manage",
    ];
    for (const roleId of [climber.roleId, other.id, world.own.customRoleId]) {
      for (const value of coveted) {
        await refused(value, climber.token, `POST ${iam}/roles/${roleId}/permissions`, { permissions: [value] });
        await refused(value, climber.token, `POST ${iam}/roles/${roleId}/permissions`, { permissions: ["Organization.ReadRoles", value] });
      }
    }
    for (const name of ["Owner", "Admin", "Member"]) {
      const { status } = await leavesNoTrace(server, name, () =>
        server.call(`POST ${iam}/roles/${world.own.roles[name]}/permissions`, {
          token: climber.token,
          body: { permissions: ["Organization.ReadRoles"] },
        }),
      );
      expect(status).toBe(409);
    }
  });

  it("who may change roles of members gives only what he holds, to himself and to others", async () => {
    const climber = await memberWith("Organization.ChangeMemberRole", "Organization.Read");
    const { id, roles, membershipIds, customRoleId } = world.own;
    await expectOk(
      server.call(`POST ${iam}/roles/${customRoleId}/permissions`, {
        token: world.own.owner.token,
        body: { permissions: ["Organization.InviteMember"] },
      }),
    );
    for (const roleId of [roles["Owner"], roles["Admin"], roles["Member"], customRoleId]) {
      for (const membership of [climber.membershipId, membershipIds.member]) {
        await refused("a role above", climber.token, `PUT ${iam}/organizations/${id}/memberships/${membership}`, { roleId });
      }
    }
  });

  it("who may invite invites with no role above his own", async () => {
    const climber = await memberWith("Organization.InviteMember");
    const { id, roles } = world.own;
    for (const roleId of [roles["Owner"], roles["Admin"], roles["Member"]]) {
      await refused("a role above", climber.token, `POST ${iam}/organizations/${id}/invitations`, { email: address("friend"), roleId });
    }
    const email = address("friend");
    await expectOk(
      server.call(`POST ${iam}/organizations/${id}/invitations`, { token: climber.token, body: { email, roleId: climber.roleId } }),
    );
  });

  it("who manages internal members gives no internal role above his own, and takes none from above", async () => {
    const clerk = await newUser(server, "clerk");
    const { administrator, administratorRoleId, internalRoleId } = world;
    await expectOk(
      server.call(`POST ${iam}/roles/${internalRoleId}/permissions`, {
        token: administrator.token,
        body: { permissions: ["InternalMember.Manage"] },
      }),
    );
    await expectOk(
      server.call(`PUT ${iam}/internal/memberships/${clerk.id}`, { token: administrator.token, body: { roleId: internalRoleId } }),
    );
    for (const user of [clerk.id, clerk.id.toUpperCase(), world.own.member.id]) {
      await refused("an administrator", clerk.token, `PUT ${iam}/internal/memberships/${user}`, { roleId: administratorRoleId });
    }
    for (const user of [administrator.id, administrator.id.toUpperCase()]) {
      await refused("the administrator's demotion", clerk.token, `PUT ${iam}/internal/memberships/${user}`, { roleId: internalRoleId });
      await refused("the administrator's removal", clerk.token, `DELETE ${iam}/internal/memberships/${user}`);
    }
  });
});

describe("an id in capital letters is the same id", () => {
  it("when an administrator would suspend himself", async () => {
    await leavesNoTrace(server, "the own status", async () => {
      const { id, token } = world.administrator;
      const { status } = await server.call(`PATCH /api/v1/users/${id.toUpperCase()}`, { token, body: { status: "Suspended" } });
      expect(status).toBe(409);
    });
  });

  it("when a user is suspended: his sessions end and no decision is for him", async () => {
    const { own, administrator } = world;
    const person = await newUser(server, "noisy");
    await join(server, { organizationId: own.id, token: own.owner.token, roleId: own.roles["Member"] as string }, person);
    expect((await server.call(`GET ${iam}/users/me`, { token: person.token })).status).toBe(200);
    const body = { userId: person.id, tenantId: own.id, actionType: "Organization.Read" };
    const check = () => expectOk(server.call(`POST ${iam}/authorization/check`, { token: administrator.token, body }));
    expect((await check()).isAuthorized).toBe(true);
    const { revision: _, ...suspended } = await expectOk(
      server.call(`PATCH /api/v1/users/${person.id.toUpperCase()}`, { token: administrator.token, body: { status: "Suspended" } }),
    );
    expect(suspended.id).toBe(person.id);
    expect((await server.call(`GET ${iam}/users/me`, { token: person.token })).status).toBe(401);
    expect(await check()).toMatchObject({ isAuthorized: false, reasonCode: "user_inactive" });
  });

  it("when somebody loses his internal roles: he may nothing there any more", async () => {
    const { administrator, administratorRoleId } = world;
    const clerk = await newUser(server, "clerk");
    const at = `${iam}/internal/memberships`;
    await expectOk(server.call(`PUT ${at}/${clerk.id}`, { token: administrator.token, body: { roleId: administratorRoleId } }));
    expect((await server.call("GET /api/v1/users", { token: clerk.token })).status).toBe(200);
    expect((await server.call(`DELETE ${at}/${clerk.id.toUpperCase()}`, { token: administrator.token })).status).toBe(204);
    expect((await server.call("GET /api/v1/users", { token: clerk.token })).status).toBe(403);
    await expectOk(
      server.call(`PUT ${at}/${clerk.id.toUpperCase()}`, { token: administrator.token, body: { roleId: administratorRoleId } }),
    );
    expect((await server.call("GET /api/v1/users", { token: clerk.token })).status).toBe(200);
  });

  it("when an organization is suspended, asked about, and entered", async () => {
    const { other, administrator } = world;
    const id = other.id.toUpperCase();
    const set = (status: string) =>
      expectOk(server.call(`PUT ${iam}/organizations/${id}`, { token: administrator.token, body: { status } }));
    expect((await set("Suspended")).id).toBe(other.id);
    expect((await server.call(`GET ${iam}/organizations/${other.id}`, { token: other.owner.token })).status).toBe(403);
    await set("Active");
    expect((await server.call(`GET ${iam}/organizations/${id}`, { token: other.owner.token })).status).toBe(200);
    const body = { userId: other.owner.id.toUpperCase(), tenantId: id, actionType: "Organization.Read" };
    expect((await expectOk(server.call(`POST ${iam}/authorization/check`, { token: other.owner.token, body }))).isAuthorized).toBe(true);
  });
});
