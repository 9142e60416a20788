import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, unique, unknownId } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["admin", "member", "nonMember"]);
beforeAll(async () => {
  await world.define("Report", "Report.Read", "Report.Sign");
});

const inTime = compare("$request.day", "equals", "monday");
const clone = (role: string, body: Readonly<Record<string, unknown>> = {}, token = world.owner.token, headers = {}) =>
  world.send(`POST roles/${role}/clone`, token, { name: `Copy ${unique()}`, ...body }, headers);

/** A role with every kind of rule. */
async function original(): Promise<string> {
  const role = await world.role(["Organization.Read"]);
  expectWritten(await world.rule(role, "Report", { condition: inTime }), 200);
  expectWritten(await world.rule(role, "Report.Sign", { effect: "deny" }), 200);
  return role;
}

describe("POST /api/v1/iam/roles/{id}/clone", () => {
  it("creates a custom role with the same rules, conditions and denials", async () => {
    const role = await original();
    const source = (await world.send(`GET roles/${role}`, world.owner.token)).body;
    const answer = await clone(role, { description: "A copy" });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({
      description: "A copy",
      scope: "Organization",
      organizationId: world.organization.id,
      isSystemRole: false,
      permissions: source.permissions,
      version: 1,
    });
    expect(answer.body.id).not.toBe(role);
    expect(answer.body.rules).toEqual(expect.arrayContaining(source.rules));
    expect(answer.body.rules).toHaveLength(2);
    const person = await world.person(answer.body.id);
    expect(await world.may(person, "Report.Read", { contextData: { day: "monday" } })).toBe(true);
    expect(await world.may(person, "Report.Read", { contextData: { day: "sunday" } })).toBe(false);
    expect(await world.decide(person, "Report.Sign", { contextData: { day: "monday" } })).toMatchObject({ reasonCode: "explicit_deny" });
    expect(await world.may(person, "Organization.Read")).toBe(true);
  });

  it("a cloned role and its original change independently", async () => {
    const role = await world.role(["Report.Read"]);
    const copy = (await clone(role)).body.id;
    const person = await world.person(copy);
    expectWritten(await world.rule(role, "Report.Read", { effect: "deny" }), 200);
    expect(await world.may(person, "Report.Read")).toBe(true);
    expectWritten(await world.rule(copy, "Report.Read", { effect: "deny" }), 200);
    expect(await world.may(person, "Report.Read")).toBe(false);
  });

  it("copies the current permissions of a system role, not those that are defined later", async () => {
    const copy = (await clone(world.roles["Owner"] as string)).body;
    expect(copy.isSystemRole).toBe(false);
    expect(copy.permissions).toEqual(expect.arrayContaining(["Organization", "Organization.ManageOwners", "Report.Sign"]));
    const person = await world.person(copy.id);
    const later = `Later${unique()}`;
    await world.define(later);
    expect(await world.may(world.owner, later)).toBe(true);
    expect(await world.may(person, "Report.Sign")).toBe(true);
    expect(await world.may(person, later)).toBe(false);
    const member = (await clone(world.roles["Member"] as string, {}, world.admin.token)).body;
    expect(member.permissions.sort()).toEqual(["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"]);
  });

  it("copies the description unless another is given, and the clone can be changed like any role", async () => {
    const role = await world.role();
    await world.send(`PUT roles/${role}`, world.owner.token, { description: "First" });
    expect((await clone(role)).body.description).toBe("First");
    const bare = (await clone(role, { description: null })).body;
    expect(bare.description).toBeNull();
    expectWritten(await world.send(`PUT roles/${bare.id}`, world.owner.token, { name: `Mine ${unique()}` }), 200);
    expect((await world.send(`DELETE roles/${bare.id}`, world.owner.token)).status).toBe(204);
  });

  it("is refused to a caller without every permission of the role, conditional ones included", async () => {
    const manager = await world.person(await world.role(["Organization.ManageRoles", "Organization.Read", "Report.Read"]));
    const refused = async (role: string) =>
      expectError(await withoutTrace(world.server, () => clone(role, {}, manager.token)), 403, "access.permission_not_held", "roleId");
    await refused(world.roles["Owner"] as string);
    await refused(await world.role(["Report.Sign"]));
    await refused(await world.roleWith("Report.Sign", { condition: inTime }));
    await refused(await original());
    expectError(
      await withoutTrace(world.server, () => clone(world.roles["Owner"] as string, {}, world.admin.token)),
      403,
      "access.permission_not_held",
    );
    expectWritten(await clone(await world.role(["Report.Read"]), {}, manager.token), 201);
  });

  it("rejects a taken name, unknown roles, members and non-members", async () => {
    const role = await world.role();
    const other = await newOrganization(world.server);
    const attempt = (at: string, token: string, body = {}) => withoutTrace(world.server, () => clone(at, body, token));
    expectError(await attempt(role, world.owner.token, { name: "Owner" }), 409, "access.role_name_taken", "name");
    expectError(await attempt(role, world.owner.token, { name: "" }), 400, "common.validation_failed", "name");
    expectError(await attempt(role, world.owner.token, { isSystemRole: true }), 400, "common.validation_failed", "isSystemRole");
    expectError(await attempt(unknownId, world.owner.token), 404, "access.role_not_found");
    expectError(await attempt(role, world.member.token), 403, "auth.permission_denied");
    expectError(await attempt(role, world.nonMember.token), 404, "access.role_not_found");
    expectError(await attempt(role, other.owner.token), 404, "access.role_not_found");
    expectError(await attempt(role, world.owner.token, { organizationId: other.id }), 400, "common.validation_failed", "organizationId");
  });
});
