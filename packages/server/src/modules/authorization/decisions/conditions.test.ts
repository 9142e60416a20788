import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, type Person, signIn, unknownId } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
let teacher: Person;
let teachers: string;
beforeAll(async () => {
  await world.define("attendance", "attendance.mark", "grade", "grade.edit", "report", "report.read", "vault");
  await world.model({
    attributes: {
      user: { class_id: "text", class_ids: "texts", level: "number" },
      tenant: { term: "text", closes: "time" },
      request: { class_id: "text", count: "number" },
    },
  });
  teachers = await world.roleWith("attendance.mark", { condition: compare("$request.class_id", "equals", "$user.class_id") });
  teacher = await world.person(teachers);
  await world.setAttributes(teacher, { class_id: "10A1" });
});

const inClass = (class_id: unknown) => ({ contextData: { class_id } });
const faultsOf = ({ body }: { body: AnyBody }) => body.error.details.map(({ field, rule }: AnyBody) => `${field} ${rule}`).sort();

describe("a condition that compares $request.class_id with $user.class_id", () => {
  it("allows a teacher to mark the attendance of their own class only, compared exactly", async () => {
    expect(await world.decide(teacher, "attendance.mark", inClass("10A1"))).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    for (const other of ["10A2", "10a1", "10A1 ", "", "$user.class_id"])
      expect(await world.decide(teacher, "attendance.mark", inClass(other))).toMatchObject({
        isAuthorized: false,
        reasonCode: "condition",
      });
  });

  it("is rejected with 400 and the field's name if the class is missing, null or of another type", async () => {
    for (const more of [{}, { contextData: null }, { contextData: {} }, { contextData: { classId: "10A1" } }, inClass(null)]) {
      const answer = await world.check(teacher, "attendance.mark", more);
      expectError(answer, 400, "common.validation_failed", "$request.class_id");
      expect(faultsOf(answer)).toEqual(["$request.class_id required"]);
    }
    for (const wrong of [["10A1"], { class_id: "10A1" }, 10, true]) {
      const answer = await world.check(teacher, "attendance.mark", inClass(wrong));
      expectError(answer, 400, "common.validation_failed", "$request.class_id");
      expect(faultsOf(answer)).toContain("$request.class_id type");
    }
  });

  it("reports all missing attributes at once", async () => {
    const newcomer = await world.person(teachers);
    const known = await world.check(newcomer, "attendance.mark", inClass("10A1"));
    expect(faultsOf(known)).toEqual(["$user.class_id required"]);
    expect(faultsOf(await world.check(newcomer, "attendance.mark"))).toEqual(["$request.class_id required", "$user.class_id required"]);
  });

  it("is reported in a batch with the index of the check", async () => {
    const check = { userId: teacher.id, tenantId: world.organization.id, actionType: "attendance.mark" };
    const checks = [{ ...check, ...inClass("10A1") }, check];
    const answer = await world.send("POST authorization/check-batch", teacher.token, { checks });
    expectError(answer, 400, "common.validation_failed", "checks.1.$request.class_id");
  });

  it("applies a changed class at once", async () => {
    const person = await world.person(teachers);
    for (let round = 0; round < 10; round += 1) {
      const own = `class-${round}`;
      await world.setAttributes(person, { class_id: own });
      expect(await world.may(person, "attendance.mark", inClass(own))).toBe(true);
      expect(await world.may(person, "attendance.mark", inClass(`class-${round - 1}`))).toBe(false);
    }
  });

  it("ignores the user's class in the request: only the organization sets it", async () => {
    for (const contextData of [
      { class_id: "10A2", user: { class_id: "10A2" } },
      { class_id: "10A2", "$user.class_id": "10A2" },
    ])
      expect(await world.may(teacher, "attendance.mark", { contextData })).toBe(false);
    expectError(
      await world.check(teacher, "attendance.mark", { userData: { class_id: "10A2" } }),
      400,
      "common.validation_failed",
      "userData",
    );
  });
});

describe("attributes", () => {
  const at = (who: string, organizationId = world.organization.id) => `organizations/${organizationId}/members/${who}/attributes`;
  const put = (path: string, attributes: unknown, token = world.owner.token, headers = {}) =>
    world.send(`PUT ${path}`, token, { attributes }, headers);

  it("are replaced as a whole, with versions and If-Match", async () => {
    const person = await world.person();
    const read = () => world.send(`GET ${at(person.id)}`, world.owner.token);
    expect((await read()).body).toEqual({ organizationId: world.organization.id, userId: person.id, attributes: {}, version: 0 });
    expectWritten(await put(at(person.id), { class_id: "10A1", level: 3 }, world.owner.token, { "if-match": '"0"' }), 200);
    const second = await put(at(person.id), { class_ids: ["a"] }, world.owner.token, { "if-match": '"1"' });
    expect(second.body).toMatchObject({ attributes: { class_ids: ["a"] }, version: 2 });
    expect((await read()).body).toEqual(second.body);
    const stale = () => put(at(person.id), {}, world.owner.token, { "if-match": '"1"' });
    expectError(await withoutTrace(world.server, stale), 412, "common.version_conflict");
  });

  it.each([
    [{ shoe: "42" }, "attributes.shoe"],
    [{ level: "3" }, "attributes.level"],
    [{ class_ids: [1] }, "attributes.class_ids"],
    [{ id: "x" }, "attributes.id"],
    [{ roles: ["Owner"] }, "attributes.roles"],
    [{ class_id: null }, "attributes.class_id"],
    [{ class_id: { a: 1 } }, "attributes.class_id"],
    [{ "a b": "x" }, "attributes"],
  ])("of a member reject %j", async (attributes, field) => {
    const answer = await withoutTrace(world.server, () => put(at(teacher.id), attributes));
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details[0].field.startsWith(field)).toBe(true);
  });

  it("must have names and values that conditions can read, even if the model declares none", async () => {
    const bare = await World.open();
    try {
      const path = `PUT organizations/${bare.organization.id}/attributes`;
      for (const attributes of [{ "a b": "x" }, { "a.b": 1 }, { a: { deep: 1 } }, { "a b": { deep: 1 } }, { a: [[1]] }, { status: "x" }])
        expectError(
          await withoutTrace(bare.server, () => bare.send(path, bare.owner.token, { attributes })),
          400,
          "common.validation_failed",
        );
      expectWritten(await bare.send(path, bare.owner.token, { attributes: { a: "x", b: [1, 2], c: true } }), 200);
    } finally {
      await bare.close();
    }
  });

  it("need a permission to be set and read, for members of the own organization only", async () => {
    const other = await newOrganization(world.server);
    const own = `organizations/${world.organization.id}/attributes`;
    for (const [token, status] of [
      [world.member.token, 403],
      [teacher.token, 403],
      [world.nonMember.token, 404],
      [other.owner.token, 404],
      [world.administrator.token, 404],
    ] as const) {
      const code = status === 403 ? "auth.permission_denied" : "access.member_not_found";
      for (const path of [at(teacher.id), own]) {
        expectError(await withoutTrace(world.server, () => put(path, {}, token)), status, code);
        expectError(await world.send(`GET ${path}`, token), status, code);
      }
    }
    for (const id of [world.nonMember.id, other.owner.id, unknownId]) {
      expectError(await withoutTrace(world.server, () => put(at(id), {})), 404, "access.member_not_found");
      expectError(await world.send(`GET ${at(id)}`, world.owner.token), 404, "access.member_not_found");
    }
  });

  it("apply in their own organization only", async () => {
    const other = await newOrganization(world.server, teacher);
    const role = await world.role([], other);
    const condition = compare("$request.class_id", "equals", "$user.class_id");
    expectWritten(await world.rule(role, "attendance.mark", { effect: "deny", condition }, teacher.token), 200);
    const { body } = await world.send(`GET organizations/${other.id}/memberships`, teacher.token);
    const roleIds = [role, body.items[0].roles[0].id];
    expectWritten(await world.send(`PUT organizations/${other.id}/memberships/${body.items[0].id}`, teacher.token, { roleIds }), 200);
    const there = { tenantId: other.id, ...inClass("10A1") };
    expectError(await world.check(teacher, "attendance.mark", there), 400, "common.validation_failed", "$user.class_id");
  });
});

describe("$tenant", () => {
  it("has the organization's current attributes, id and status", async () => {
    const path = `PUT organizations/${world.organization.id}/attributes`;
    const condition = { all: [compare("$tenant.term", "equals", "spring"), compare("$tenant.status", "equals", "Active")] };
    const person = await world.person(await world.roleWith("grade.edit", { condition }));
    expectError(await world.check(person, "grade.edit"), 400, "common.validation_failed", "$tenant.term");
    for (const term of ["spring", "autumn", "spring"]) {
      const written = await world.send(path, world.owner.token, { attributes: { term } });
      expectWritten(written, 200);
      expect(await world.may(person, "grade.edit")).toBe(term === "spring");
    }
    for (const [attributes, field] of [
      [{ status: "Active" }, "attributes.status"],
      [{ id: unknownId }, "attributes.id"],
      [{ shoe: "x" }, "attributes.shoe"],
    ] as const)
      expectError(await world.send(path, world.owner.token, { attributes }), 400, "common.validation_failed", field);
  });
});

describe("$session", () => {
  const condition = compare("$session.methods", "contains", "otp");
  it("is the caller's own session in a check of the caller: the request cannot replace it", async () => {
    const person = await world.person(await world.roleWith("vault", { condition }));
    for (const sessionData of [undefined, { methods: ["otp"] }, { methods: ["otp", "pwd"], id: "x", authenticatedAt: 0 }])
      expect(await world.decide(person, "vault", sessionData ? { sessionData } : {})).toMatchObject({ reasonCode: "condition" });
  });

  it("has its id and its start, by the server's clock", async () => {
    const recent = compare("$session.authenticatedAt", "within_last", 300);
    const person = await world.person(await world.roleWith("vault", { condition: recent }));
    const token = await signIn(world.server, person.email);
    const ask = async (body = {}) =>
      (
        await world.send("POST authorization/check", token, {
          userId: person.id,
          tenantId: world.organization.id,
          actionType: "vault",
          ...body,
        })
      ).body.isAuthorized;
    expect(await ask()).toBe(true);
    world.server.clock.advance(301);
    expect(await ask()).toBe(false);
    expect(await ask({ sessionData: { authenticatedAt: new Date(world.server.clock.now()).toISOString() } })).toBe(false);
  });

  it("is taken from the request in a check of another user", async () => {
    const person = await world.person(await world.roleWith("vault", { condition }));
    const ask = (more = {}) =>
      world.send("POST authorization/check", world.administrator.token, {
        userId: person.id,
        tenantId: world.organization.id,
        actionType: "vault",
        ...more,
      });
    expect((await ask({ sessionData: { methods: ["otp"] } })).body.isAuthorized).toBe(true);
    expect((await ask({ sessionData: { methods: ["pwd"] } })).body.isAuthorized).toBe(false);
    expectError(await ask(), 400, "common.validation_failed", "$session.methods");
  });
});

describe("$now", () => {
  it("is the server's clock, which the request cannot set", async () => {
    const closes = new Date(world.server.clock.now() + 100_000).toISOString();
    expectWritten(
      await world.send(`PUT organizations/${world.organization.id}/attributes`, world.owner.token, { attributes: { closes } }),
      200,
    );
    const person = await world.person(await world.roleWith("report.read", { condition: compare("$now", "before", "$tenant.closes") }));
    expect(await world.may(person, "report.read")).toBe(true);
    world.server.clock.advance(101);
    for (const more of [{}, { contextData: { now: 0, $now: 0 } }, { sessionData: { now: 0 } }])
      expect(await world.may(person, "report.read", more)).toBe(false);
    expectError(await world.check(person, "report.read", { now: 0 }), 400, "common.validation_failed", "now");
  });
});

describe("the profile of a user in conditions", () => {
  it("has address, name and locale, takes precedence over attributes, and applies changes at once", async () => {
    const person = await world.person();
    const me = async (method: "GET" | "PUT", body?: unknown): Promise<AnyBody> =>
      (await world.server.call(`${method} /api/v1/iam/users/me`, { token: person.token, ...(body ? { body } : {}) })).body;
    const { email, firstName, lastName } = await me("GET");
    const known = { email, name: `${firstName} ${lastName}`, firstName, lastName, locale: "vi-VN" };
    await me("PUT", { locale: "vi-VN" });
    for (const [name, value] of Object.entries(known)) {
      const role = await world.roleWith("report.read", { condition: compare(`$user.${name}`, "equals", "$request.class_id") });
      const membership = await world.membershipOf(person);
      const path = `organizations/${world.organization.id}/memberships/${membership}`;
      expectWritten(await world.send(`PUT ${path}`, world.owner.token, { roleIds: [role] }), 200);
      expect((await world.decide(person, "report.read", inClass(value))).isAuthorized, name).toBe(true);
      expect((await world.decide(person, "report.read", inClass("another"))).isAuthorized, name).toBe(false);
    }
    await me("PUT", { locale: "en" });
    expect((await world.decide(person, "report.read", inClass("vi-VN"))).isAuthorized).toBe(false);
    expect((await world.decide(person, "report.read", inClass("en"))).isAuthorized).toBe(true);
    const path = `organizations/${world.organization.id}/members/${person.id}/attributes`;
    for (const name of Object.keys(known)) {
      const response = await world.send(`PUT ${path}`, world.owner.token, { attributes: { [name]: "noted" } });
      expectError(response, 400, "common.validation_failed", `attributes.${name}`);
    }
  });
});
