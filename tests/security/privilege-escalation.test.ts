/** Attack 26 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { address, joinAs, newMember, newPerson, newRole, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { leavesNoTrace } from "@gatehouse/testing/stored-rows.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

const world = World.ofSuite(twoTenants);
const { server } = world;

const iam = "/api/v1/iam";

/** Expects 403 or 404 without a trace. */
async function refused(what: string, token: string, route: string, body?: unknown): Promise<Answer<AnyBody>> {
  return leavesNoTrace(server, what, async () => {
    const answer = await server.call(route, { token, ...(body === undefined ? {} : { body }) });
    expect([403, 404], `${what}: ${answer.status} ${JSON.stringify(answer.body)}`).toContain(answer.status);
    return answer;
  });
}

/** A member with a role that allows `permissions` and nothing else. */
const memberWith = (...permissions: string[]) => newMember(server, world.organization, permissions, "climber");

describe("no member escalates their own privileges", () => {
  it("a member cannot assign themselves a role, by any route", async () => {
    const { member, membershipIds, id, roles, customRoleId } = world.own;
    for (const roleId of [roles["Owner"], roles["Admin"], customRoleId, world.administratorRoleId]) {
      await refused("their own roles", member.token, `PUT ${iam}/organizations/${id}/memberships/${membershipIds.member}`, { roleId });
      await refused("an invitation", member.token, `POST ${iam}/organizations/${id}/invitations`, { email: address("friend"), roleId });
      await refused("the internal scope", member.token, `PUT ${iam}/internal/memberships/${member.id}`, { roleId });
    }
    await refused("a role", member.token, `POST ${iam}/roles`, { name: "Mine", scope: "Organization", organizationId: id });
    await refused("an internal role", member.token, `POST ${iam}/roles`, { name: "Mine", scope: "Internal" });
    await refused("a permission", member.token, `POST ${iam}/permissions`, { value: "Mine", scope: "Organization" });
    for (const roleId of [roles["Member"], customRoleId]) {
      await refused("a role's permissions", member.token, `POST ${iam}/roles/${roleId}/permissions`, { permissions: ["Organization"] });
    }
    await refused("their status", member.token, `PATCH /api/v1/users/${member.id}`, { status: "Active" });
    await refused("the tenant's status", member.token, `PUT ${iam}/organizations/${id}`, { status: "Active" });
  });

  it("an admin cannot make anyone an owner, alone or among other roles", async () => {
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

  it("an admin can neither remove nor demote an owner", async () => {
    const { admin, membershipIds, id, roles } = world.own;
    const at = `${iam}/organizations/${id}/memberships/${membershipIds.owner}`;
    await refused("the owner's removal", admin.token, `DELETE ${at}`);
    await refused("the owner's demotion", admin.token, `PUT ${at}`, { roleId: roles["Member"] });
  });

  it("a manager of roles cannot add a permission that they lack, to their own role or another", async () => {
    const climber = await memberWith("Organization.ManageRoles", "Organization.ReadRoles");
    const other = await newRole(server, world.organization, [], climber);
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

  it("a manager of members can assign only roles whose permissions they hold", async () => {
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

  it("an inviter cannot invite with a role above their own", async () => {
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

  it("a manager of internal members can neither assign nor remove an internal role above their own", async () => {
    const clerk = await newPerson(server, "clerk");
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

describe("no member escalates privileges by a grant, a rule or an attribute", () => {
  const always = { operator: "equals", left: "$request.any", right: "x" };
  const viewer = (subject: Record<string, unknown>) => ({
    organizationId: world.own.id,
    resource: { type: "school", id: unique() },
    relation: "viewer",
    subject,
  });

  it("a manager of grants cannot grant permissions that they lack to themselves, a role, a group or all users", async () => {
    const climber = await memberWith("Organization.ManageGrants");
    for (const subject of [
      { type: "user", id: climber.id },
      { type: "user", id: climber.id.toUpperCase() },
      { type: "user", id: "*" },
      { type: "role", id: climber.roleId },
      { type: "group", id: "mine", relation: "member" },
    ]) {
      await refused("a grant", climber.token, `POST ${iam}/grants`, viewer(subject));
      await refused("a grant with a condition", climber.token, `POST ${iam}/grants`, { ...viewer(subject), condition: always });
    }
    const group = { organizationId: world.own.id, resource: { type: "group", id: "theirs" }, relation: "member" };
    await refused("a group", climber.token, `POST ${iam}/grants`, { ...group, subject: { type: "user", id: climber.id } });
    const expiring = await expectOk(
      server.call(`POST ${iam}/grants`, {
        token: world.own.owner.token,
        body: { ...viewer({ type: "user", id: climber.id }), expiresAt: "2090-01-01T00:00:00.000Z" },
      }),
    );
    await refused("a later end", climber.token, `PUT ${iam}/grants/${expiring.id}`, { condition: null, expiresAt: null });
    await refused("another's", climber.token, `PUT ${iam}/grants/${world.other.grantId}`, { condition: null, expiresAt: null });
    await refused("another's end", climber.token, `DELETE ${iam}/grants/${world.other.grantId}`);
    const { member } = world.own;
    await refused("a member's own", member.token, `POST ${iam}/grants`, viewer({ type: "user", id: member.id }));
  });

  it("a manager of roles cannot escalate privileges by a rule or a clone, under any condition", async () => {
    const climber = await memberWith("Organization.ManageRoles", "Organization.ReadRoles");
    for (const value of ["Organization", "Organization.ManageOwners", "Organization.ManageGrants", "Organization.CheckAccess"]) {
      for (const roleId of [climber.roleId, world.own.customRoleId]) {
        const route = `PUT ${iam}/roles/${roleId}/permissions/${value}`;
        for (const rule of [{}, { effect: "allow" }, { condition: always }, { condition: { not: always } }])
          await refused(value, climber.token, route, rule);
      }
    }
    for (const roleId of [world.own.roles["Owner"], world.own.roles["Admin"], world.other.customRoleId, world.internalRoleId])
      await refused("a clone", climber.token, `POST ${iam}/roles/${roleId}/clone`, { name: `Mine ${unique()}` });
    const { admin, roles } = world.own;
    await refused("an owner's clone", admin.token, `POST ${iam}/roles/${roles["Owner"]}/clone`, { name: `Mine ${unique()}` });
  });

  it("a denied user cannot remove the denial", async () => {
    const { owner, id } = world.own;
    const climber = await memberWith("Organization.ManageRoles", "Organization.ManageGrants", "Organization.ReadMembers");
    await expectOk(
      server.call(`PUT ${iam}/roles/${climber.roleId}/permissions/Organization.ReadMembers`, {
        token: owner.token,
        body: { effect: "deny" },
      }),
    );
    const at = `${iam}/roles/${climber.roleId}/permissions`;
    await refused("the denial", climber.token, `DELETE ${at}`, { permissions: ["Organization.ReadMembers"] });
    for (const rule of [{ effect: "allow" }, { effect: "deny", condition: always }])
      await refused("a weaker rule", climber.token, `PUT ${at}/Organization.ReadMembers`, rule);
    await refused("the members", climber.token, `GET ${iam}/organizations/${id}/memberships`);
  });

  it("a member cannot set attributes, plans or the model", async () => {
    const { member, admin, owner, id } = world.own;
    const attributes = { team: "red" };
    for (const climber of [member, await memberWith("Organization.ReadAttributes")]) {
      for (const who of [climber.id, admin.id])
        await refused("attributes", climber.token, `PUT ${iam}/organizations/${id}/members/${who}/attributes`, { attributes });
      await refused("the organization's", climber.token, `PUT ${iam}/organizations/${id}/attributes`, { attributes });
    }
    for (const { token } of [member, admin, owner]) {
      await refused("the plan", token, `PUT ${iam}/organizations/${id}/entitlements`, { entitlements: { seats: "unlimited" } });
      await refused("the model", token, `PUT ${iam}/authorization/model`, { model: {} });
    }
  });

  // A known limit (docs/security/attacks.md): a manager of attributes is trusted with every condition that reads them.
  it("a manager of attributes cannot use them to meet the conditions of permissions that they lack", async () => {
    const { owner, id } = world.own;
    const climber = await memberWith("Organization.ManageAttributes");
    const condition = { operator: "equals", left: "$user.team", right: "red" };
    await expectOk(
      server.call(`PUT ${iam}/roles/${climber.roleId}/permissions/Organization.InviteMember`, { token: owner.token, body: { condition } }),
    );
    const attributes = { team: "red" };
    const { status } = await server.call(`PUT ${iam}/organizations/${id}/members/${climber.id}/attributes`, {
      token: climber.token,
      body: { attributes },
    });
    expect(status).toBe(403);
    const ofTenant = { operator: "equals", left: "$tenant.team", right: "red" };
    await expectOk(
      server.call(`PUT ${iam}/roles/${climber.roleId}/permissions/Organization.InviteMember`, {
        token: owner.token,
        body: { condition: ofTenant },
      }),
    );
    const everybodys = await server.call(`PUT ${iam}/organizations/${id}/attributes`, { token: climber.token, body: { attributes } });
    expect(everybodys.status).toBe(403);
  });
});

describe("an id in capital letters is the same id", () => {
  it("an administrator cannot suspend themselves by an id in capital letters", async () => {
    await leavesNoTrace(server, "the own status", async () => {
      const { id, token } = world.administrator;
      const { status } = await server.call(`PATCH /api/v1/users/${id.toUpperCase()}`, { token, body: { status: "Suspended" } });
      expect(status).toBe(409);
    });
  });

  it("a user who was suspended by an id in capital letters has no session and no permission", async () => {
    const { own, administrator } = world;
    const person = await newPerson(server, "noisy");
    await joinAs(server, own.organization, person, own.roles["Member"] as string);
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

  it("a user whose internal roles were removed by an id in capital letters has no permission there", async () => {
    const { administrator, administratorRoleId } = world;
    const clerk = await newPerson(server, "clerk");
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

  it("an organization that was suspended by an id in capital letters allows nothing", async () => {
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
