import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, unknownId } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
beforeAll(async () => {
  await world.define("Lesson", "Lesson.Read", "Lesson.Write", "Lesson.Write.Grades");
});

const ownClass = compare("$request.class_id", "equals", "10A1");
const ruleOf = (body: { rules: { permission: string }[] }, permission: string) => body.rules.find((rule) => rule.permission === permission);

describe("PUT /api/v1/iam/roles/{id}/permissions/{permission}", () => {
  it("allows a permission, with or without a condition, or denies it; the latest rule applies at once", async () => {
    const role = await world.role();
    const person = await world.person(role);
    const inClass = { contextData: { class_id: "10A1" } };
    const elsewhere = { contextData: { class_id: "10A2" } };
    expect(await world.decide(person, "Lesson.Write", inClass)).toMatchObject({ reasonCode: "missing_permission" });

    const conditional = await world.rule(role, "Lesson", { condition: ownClass });
    expectWritten(conditional, 200);
    expect(conditional.body.permissions).toEqual(["Lesson"]);
    expect(conditional.body.rules).toEqual([{ permission: "Lesson", effect: "allow", condition: ownClass }]);
    expect(await world.decide(person, "Lesson.Write", inClass)).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    expect(await world.decide(person, "Lesson.Write", elsewhere)).toMatchObject({ isAuthorized: false, reasonCode: "condition" });

    const free = await world.rule(role, "Lesson");
    expect(free.body).toMatchObject({ permissions: ["Lesson"], rules: [] });
    expect(await world.may(person, "Lesson.Write", elsewhere)).toBe(true);

    const denied = await world.rule(role, "Lesson", { effect: "deny" });
    expect(denied.body).toMatchObject({ permissions: [], rules: [{ permission: "Lesson", effect: "deny", condition: null }] });
    expect(await world.decide(person, "Lesson.Write", inClass)).toMatchObject({ isAuthorized: false, reasonCode: "explicit_deny" });

    expectWritten(await world.rule(role, "Lesson", { effect: "allow", condition: null }), 200);
    expect(await world.may(person, "Lesson.Write")).toBe(true);
  });

  it("returns the rule with the role, and lists a conditional permission among the conditional own permissions", async () => {
    const role = await world.roleWith("Lesson.Write", { condition: ownClass });
    expectWritten(await world.rule(role, "Lesson.Write.Grades", { effect: "deny", condition: ownClass }), 200);
    const person = await world.person(role);
    const read = await world.send(`GET roles/${role}`, world.owner.token);
    expect(ruleOf(read.body, "Lesson.Write")).toEqual({ permission: "Lesson.Write", effect: "allow", condition: ownClass });
    expect(ruleOf(read.body, "Lesson.Write.Grades")).toEqual({ permission: "Lesson.Write.Grades", effect: "deny", condition: ownClass });
    const mine = await world.send(`GET users/me/permissions?organizationId=${world.organization.id}`, person.token);
    expect(mine.body.permissions).toEqual([]);
    expect(mine.body.conditionalPermissions).toContain("Lesson.Write");
  });

  it("lets a denial override every other role, Owner included, for the permission and its descendants", async () => {
    const ban = await world.roleWith("Lesson.Write", { effect: "deny" });
    const owner = await world.person(world.roles["Owner"] as string, ban);
    for (const action of ["Lesson.Write", "Lesson.Write.Grades"]) {
      const decision = await world.decide(owner, action);
      expect(decision).toMatchObject({ isAuthorized: false, reasonCode: "explicit_deny" });
      expect(decision.reason).toMatch(/^Denied: role 'Role \w+' denies/);
    }
    expect(await world.may(owner, "Lesson.Read")).toBe(true);
    expect(await world.may(owner, "Lesson")).toBe(true);
  });

  it("lets a conditional denial deny only while its condition holds, or if the condition cannot be decided", async () => {
    const ban = await world.roleWith("Lesson.Write", { effect: "deny", condition: ownClass });
    const owner = await world.person(world.roles["Owner"] as string, ban);
    expect(await world.may(owner, "Lesson.Write", { contextData: { class_id: "10A1" } })).toBe(false);
    expect(await world.may(owner, "Lesson.Write", { contextData: { class_id: "10A2" } })).toBe(true);
    expectError(await world.check(owner, "Lesson.Write"), 400, "common.validation_failed", "$request.class_id");
  });

  it("applies to the next check, fifty times in a row, with its revision and without", async () => {
    const role = await world.role(["Lesson.Read"]);
    const person = await world.person(role);
    for (let round = 0; round < 50; round += 1) {
      const effect = round % 2 === 0 ? "deny" : "allow";
      const changed = await world.rule(role, "Lesson.Read", { effect });
      expectWritten(changed, 200);
      const more = round % 3 === 0 ? { minRevision: changed.headers["x-gatehouse-revision"] } : {};
      expect(await world.may(person, "Lesson.Read", more), `round ${round}`).toBe(effect === "allow");
    }
  });

  it("honours If-Match: a stale version is rejected with 412, the current one is incremented", async () => {
    const role = await world.role();
    const first = await world.rule(role, "Lesson.Read", {}, world.owner.token, { "if-match": '"1"' });
    expectWritten(first, 200);
    expect(first.headers["etag"]).toBe('"2"');
    const stale = () => world.rule(role, "Lesson.Read", { effect: "deny" }, world.owner.token, { "if-match": '"1"' });
    expectError(await withoutTrace(world.server, stale), 412, "common.version_conflict");
  });

  it.each([
    [{ operator: "resembles", left: "$request.a", right: "b" }, "condition.operator"],
    [{ all: [compare("$request.a", "equals", "b"), { operator: "equals", left: "$request.a" }] }, "condition.all.1.right"],
    [{ not: compare("$planet.a", "equals", "b") }, "condition.not.left"],
    [{ any: [] }, "condition.any"],
    [compare("$request.__proto__", "equals", "b"), "condition.left"],
    [compare("$request.a.constructor", "equals", "b"), "condition.left"],
    [compare("$request.count", "less_than", "many"), "condition.right"],
    [{ ...compare("$request.a", "equals", "b"), code: "1" }, "condition.code"],
    [{ all: [compare("$request.a", "equals", "b")], operator: "equals" }, "condition"],
  ])("rejects the condition %j and names its path", async (condition, field) => {
    const role = await world.role();
    expectError(
      await withoutTrace(world.server, () => world.rule(role, "Lesson.Read", { condition })),
      400,
      "common.validation_failed",
      field,
    );
  });

  it("names the path of an issue that is nested deeply", async () => {
    const role = await world.role();
    let condition: unknown = { any: [compare("$nobody.a", "equals", 1)] };
    for (let depth = 0; depth < 6; depth += 1) condition = { not: condition };
    const at = `condition.${"not.".repeat(6)}any.0.left`;
    expectError(
      await withoutTrace(world.server, () => world.rule(role, "Lesson.Read", { condition })),
      400,
      "common.validation_failed",
      at,
    );
    expectError(
      await withoutTrace(world.server, () => world.rule(role, "Lesson.Read", { condition: { not: { not: condition } } })),
      400,
      "common.validation_failed",
    );
  });

  it("rejects system roles, unknown roles and permissions, other scopes, other effects", async () => {
    const attempt = (role: string, permission: string, rule = {}) => withoutTrace(world.server, () => world.rule(role, permission, rule));
    const role = await world.role();
    for (const name of ["Owner", "Admin", "Member"])
      expectError(await attempt(world.roles[name] as string, "Lesson.Read", { effect: "deny" }), 409, "access.system_role");
    expectError(await attempt(unknownId, "Lesson.Read"), 404, "access.role_not_found");
    expectError(await attempt(role, "Lesson.Unheard"), 404, "access.permission_not_found", "permission");
    expectError(await attempt(role, "User.Read", { effect: "deny" }), 409, "access.scope_mismatch", "permission");
    expectError(await attempt(role, "Lesson.Read", { effect: "perhaps" }), 400, "common.validation_failed", "effect");
    expectError(await attempt(role, "Lesson.Read", { condition: "true" }), 400, "common.validation_failed", "condition");
    expectError(await attempt(role, "Lesson.Read", { conditions: [] }), 400, "common.validation_failed", "conditions");
  });

  it("rejects members with 403, non-members and other organizations' owners with 404", async () => {
    const role = await world.role();
    const other = await newOrganization(world.server);
    const attempt = (token: string, effect: string) => withoutTrace(world.server, () => world.rule(role, "Lesson.Read", { effect }, token));
    for (const effect of ["allow", "deny"]) {
      expectError(await attempt(world.member.token, effect), 403, "auth.permission_denied");
      expectError(await attempt(world.nonMember.token, effect), 404, "access.role_not_found");
      expectError(await attempt(other.owner.token, effect), 404, "access.role_not_found");
    }
  });
});

describe("the delegation check of role rules", () => {
  const manager = (...more: string[]) => world.role(["Organization.ManageRoles", "Organization.ReadRoles", ...more]);
  const refused = async (token: string, role: string, permission: string, rule = {}) =>
    expectError(
      await withoutTrace(world.server, () => world.rule(role, permission, rule, token)),
      403,
      "access.permission_not_held",
      "permission",
    );

  it("rejects a permission that the caller does not hold, with or without a condition", async () => {
    const person = await world.person(await manager("Lesson.Read"));
    const role = await world.role();
    await refused(person.token, role, "Lesson.Write");
    await refused(person.token, role, "Lesson.Write", { condition: ownClass });
    // A parent includes its descendants, which the caller does not hold.
    await refused(person.token, role, "Lesson");
    expectWritten(await world.rule(role, "Lesson.Read", { condition: ownClass }, person.token), 200);
  });

  it("rejects a permission that the caller holds under a condition only", async () => {
    const conditional = await world.roleWith("Lesson.Write", { condition: ownClass });
    const person = await world.person(await manager(), conditional);
    expect(await world.may(person, "Lesson.Write", { contextData: { class_id: "10A1" } })).toBe(true);
    const role = await world.role();
    await refused(person.token, role, "Lesson.Write");
    await refused(person.token, role, "Lesson.Write", { condition: ownClass });
    await refused(person.token, conditional, "Lesson.Write");
  });

  it("rejects a permission that is denied to the caller, even under a condition", async () => {
    for (const rule of [{ effect: "deny" }, { effect: "deny", condition: ownClass }]) {
      const person = await world.person(await manager("Lesson.Write"), await world.roleWith("Lesson.Write", rule));
      await refused(person.token, await world.role(), "Lesson.Write");
    }
  });

  it("allows to deny a permission, but treats replacing, weakening or removing a denial as granting it", async () => {
    const person = await world.person(await manager());
    const role = await world.role(["Lesson.Write"]);
    expectWritten(await world.rule(role, "Lesson.Write", { effect: "deny" }, person.token), 200);
    await refused(person.token, role, "Lesson.Write", { effect: "allow" });
    await refused(person.token, role, "Lesson.Write", { effect: "deny", condition: ownClass });
    const remove = () => world.send(`DELETE roles/${role}/permissions`, person.token, { permissions: ["Lesson.Write"] });
    expectError(await withoutTrace(world.server, remove), 403, "access.permission_not_held", "permissions");
    const add = () => world.send(`POST roles/${role}/permissions`, person.token, { permissions: ["Lesson.Write"] });
    expectError(await withoutTrace(world.server, add), 403, "access.permission_not_held", "permissions");
    // A holder of the permission may do all of that.
    const removed = await world.send(`DELETE roles/${role}/permissions`, world.owner.token, { permissions: ["Lesson.Write"] });
    expectWritten(removed, 200);
    expect(removed.body.rules).toEqual([]);
  });
});
