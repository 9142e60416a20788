import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, unique } from "@gatehouse/testing/people.ts";
import { compare, nowhere, Scene } from "@gatehouse/testing/scene.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
  await scene.define("Report", "Report.Read", "Report.Sign");
});
afterAll(() => scene.close());

const inTime = compare("$request.day", "equals", "monday");
const clone = (role: string, body: Readonly<Record<string, unknown>> = {}, token = scene.owner.token, headers = {}) =>
  scene.send(`POST roles/${role}/clone`, token, { name: `Copy ${unique()}`, ...body }, headers);

/** A role with every kind of rule. */
async function original(): Promise<string> {
  const role = await scene.role(["Organization.Read"]);
  expectWritten(await scene.rule(role, "Report", { condition: inTime }), 200);
  expectWritten(await scene.rule(role, "Report.Sign", { effect: "deny" }), 200);
  return role;
}

describe("POST /api/v1/iam/roles/{id}/clone", () => {
  it("creates a custom role with the same rules, conditions and denials", async () => {
    const role = await original();
    const source = (await scene.send(`GET roles/${role}`, scene.owner.token)).body;
    const answer = await clone(role, { description: "A copy" });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({
      description: "A copy",
      scope: "Organization",
      organizationId: scene.organization.id,
      isSystemRole: false,
      permissions: source.permissions,
      version: 1,
    });
    expect(answer.body.id).not.toBe(role);
    expect(answer.body.rules).toEqual(expect.arrayContaining(source.rules));
    expect(answer.body.rules).toHaveLength(2);
    const person = await scene.person(answer.body.id);
    expect(await scene.may(person, "Report.Read", { contextData: { day: "monday" } })).toBe(true);
    expect(await scene.may(person, "Report.Read", { contextData: { day: "sunday" } })).toBe(false);
    expect(await scene.decides(person, "Report.Sign", { contextData: { day: "monday" } })).toMatchObject({ reasonCode: "explicit_deny" });
    expect(await scene.may(person, "Organization.Read")).toBe(true);
  });

  it("a cloned role and its original change independently", async () => {
    const role = await scene.role(["Report.Read"]);
    const copy = (await clone(role)).body.id;
    const person = await scene.person(copy);
    expectWritten(await scene.rule(role, "Report.Read", { effect: "deny" }), 200);
    expect(await scene.may(person, "Report.Read")).toBe(true);
    expectWritten(await scene.rule(copy, "Report.Read", { effect: "deny" }), 200);
    expect(await scene.may(person, "Report.Read")).toBe(false);
  });

  it("copies the current permissions of a system role, not those that are defined later", async () => {
    const copy = (await clone(scene.roles["Owner"] as string)).body;
    expect(copy.isSystemRole).toBe(false);
    expect(copy.permissions).toEqual(expect.arrayContaining(["Organization", "Organization.ManageOwners", "Report.Sign"]));
    const person = await scene.person(copy.id);
    const later = `Later${unique()}`;
    await scene.define(later);
    expect(await scene.may(scene.owner, later)).toBe(true);
    expect(await scene.may(person, "Report.Sign")).toBe(true);
    expect(await scene.may(person, later)).toBe(false);
    const member = (await clone(scene.roles["Member"] as string, {}, scene.admin.token)).body;
    expect(member.permissions.sort()).toEqual(["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"]);
  });

  it("copies the description unless another is given, and the clone can be changed like any role", async () => {
    const role = await scene.role();
    await scene.send(`PUT roles/${role}`, scene.owner.token, { description: "First" });
    expect((await clone(role)).body.description).toBe("First");
    const bare = (await clone(role, { description: null })).body;
    expect(bare.description).toBeNull();
    expectWritten(await scene.send(`PUT roles/${bare.id}`, scene.owner.token, { name: `Mine ${unique()}` }), 200);
    expect((await scene.send(`DELETE roles/${bare.id}`, scene.owner.token)).status).toBe(204);
  });

  it("is refused to a caller without every permission of the role, conditional ones included", async () => {
    const manager = await scene.person(await scene.role(["Organization.ManageRoles", "Organization.Read", "Report.Read"]));
    const refused = async (role: string) =>
      expectError(await withoutTrace(scene.server, () => clone(role, {}, manager.token)), 403, "access.permission_not_held", "roleId");
    await refused(scene.roles["Owner"] as string);
    await refused(await scene.role(["Report.Sign"]));
    await refused(await scene.roleWith("Report.Sign", { condition: inTime }));
    await refused(await original());
    expectError(
      await withoutTrace(scene.server, () => clone(scene.roles["Owner"] as string, {}, scene.admin.token)),
      403,
      "access.permission_not_held",
    );
    expectWritten(await clone(await scene.role(["Report.Read"]), {}, manager.token), 201);
  });

  it("rejects a taken name, unknown roles, members and non-members", async () => {
    const role = await scene.role();
    const other = await newOrganization(scene.server);
    const attempt = (at: string, token: string, body = {}) => withoutTrace(scene.server, () => clone(at, body, token));
    expectError(await attempt(role, scene.owner.token, { name: "Owner" }), 409, "access.role_name_taken", "name");
    expectError(await attempt(role, scene.owner.token, { name: "" }), 400, "common.validation_failed", "name");
    expectError(await attempt(role, scene.owner.token, { isSystemRole: true }), 400, "common.validation_failed", "isSystemRole");
    expectError(await attempt(nowhere, scene.owner.token), 404, "access.role_not_found");
    expectError(await attempt(role, scene.member.token), 403, "auth.permission_denied");
    expectError(await attempt(role, scene.nonMember.token), 404, "access.role_not_found");
    expectError(await attempt(role, other.owner.token), 404, "access.role_not_found");
    expectError(await attempt(role, scene.owner.token, { organizationId: other.id }), 400, "common.validation_failed", "organizationId");
  });
});
