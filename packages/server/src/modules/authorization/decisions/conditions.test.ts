import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, type Person, signIn } from "@gatehouse/testing/people.ts";
import { compare, nowhere, Scene } from "@gatehouse/testing/scene.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let scene: Scene;
let teacher: Person;
let teachers: string;
beforeAll(async () => {
  scene = await Scene.open();
  await scene.define("attendance", "attendance.mark", "grade", "grade.edit", "report", "report.read", "vault");
  await scene.model({
    attributes: {
      user: { class_id: "text", class_ids: "texts", level: "number" },
      tenant: { term: "text", closes: "time" },
      request: { class_id: "text", count: "number" },
    },
  });
  teachers = await scene.roleWith("attendance.mark", { condition: compare("$request.class_id", "equals", "$user.class_id") });
  teacher = await scene.person(teachers);
  await scene.setAttributes(teacher, { class_id: "10A1" });
});
afterAll(() => scene.close());

const inClass = (class_id: unknown) => ({ contextData: { class_id } });
const faultsOf = ({ body }: { body: AnyBody }) => body.error.details.map(({ field, rule }: AnyBody) => `${field} ${rule}`).sort();

describe("a condition that compares $request.class_id with $user.class_id", () => {
  it("allows a teacher to mark the attendance of their own class only, compared exactly", async () => {
    expect(await scene.decides(teacher, "attendance.mark", inClass("10A1"))).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    for (const other of ["10A2", "10a1", "10A1 ", "", "$user.class_id"])
      expect(await scene.decides(teacher, "attendance.mark", inClass(other))).toMatchObject({
        isAuthorized: false,
        reasonCode: "condition",
      });
  });

  it("is rejected with 400 and the field's name if the class is missing, null or of another type", async () => {
    for (const more of [{}, { contextData: null }, { contextData: {} }, { contextData: { classId: "10A1" } }, inClass(null)]) {
      const answer = await scene.asks(teacher, "attendance.mark", more);
      expectError(answer, 400, "common.validation_failed", "$request.class_id");
      expect(faultsOf(answer)).toEqual(["$request.class_id required"]);
    }
    for (const wrong of [["10A1"], { class_id: "10A1" }, 10, true]) {
      const answer = await scene.asks(teacher, "attendance.mark", inClass(wrong));
      expectError(answer, 400, "common.validation_failed", "$request.class_id");
      expect(faultsOf(answer)).toContain("$request.class_id type");
    }
  });

  it("reports all missing attributes at once", async () => {
    const newcomer = await scene.person(teachers);
    const known = await scene.asks(newcomer, "attendance.mark", inClass("10A1"));
    expect(faultsOf(known)).toEqual(["$user.class_id required"]);
    expect(faultsOf(await scene.asks(newcomer, "attendance.mark"))).toEqual(["$request.class_id required", "$user.class_id required"]);
  });

  it("is reported in a batch with the index of the check", async () => {
    const check = { userId: teacher.id, tenantId: scene.organization.id, actionType: "attendance.mark" };
    const checks = [{ ...check, ...inClass("10A1") }, check];
    const answer = await scene.send("POST authorization/check-batch", teacher.token, { checks });
    expectError(answer, 400, "common.validation_failed", "checks.1.$request.class_id");
  });

  it("applies a changed class at once", async () => {
    const person = await scene.person(teachers);
    for (let round = 0; round < 10; round += 1) {
      const own = `class-${round}`;
      await scene.setAttributes(person, { class_id: own });
      expect(await scene.may(person, "attendance.mark", inClass(own))).toBe(true);
      expect(await scene.may(person, "attendance.mark", inClass(`class-${round - 1}`))).toBe(false);
    }
  });

  it("ignores the user's class in the request: only the organization sets it", async () => {
    for (const contextData of [
      { class_id: "10A2", user: { class_id: "10A2" } },
      { class_id: "10A2", "$user.class_id": "10A2" },
    ])
      expect(await scene.may(teacher, "attendance.mark", { contextData })).toBe(false);
    expectError(
      await scene.asks(teacher, "attendance.mark", { userData: { class_id: "10A2" } }),
      400,
      "common.validation_failed",
      "userData",
    );
  });
});

describe("attributes", () => {
  const at = (who: string, organizationId = scene.organization.id) => `organizations/${organizationId}/members/${who}/attributes`;
  const put = (path: string, attributes: unknown, token = scene.owner.token, headers = {}) =>
    scene.send(`PUT ${path}`, token, { attributes }, headers);

  it("are replaced as a whole, with versions and If-Match", async () => {
    const person = await scene.person();
    const read = () => scene.send(`GET ${at(person.id)}`, scene.owner.token);
    expect((await read()).body).toEqual({ organizationId: scene.organization.id, userId: person.id, attributes: {}, version: 0 });
    expectWritten(await put(at(person.id), { class_id: "10A1", level: 3 }, scene.owner.token, { "if-match": '"0"' }), 200);
    const second = await put(at(person.id), { class_ids: ["a"] }, scene.owner.token, { "if-match": '"1"' });
    expect(second.body).toMatchObject({ attributes: { class_ids: ["a"] }, version: 2 });
    expect((await read()).body).toEqual(second.body);
    const stale = () => put(at(person.id), {}, scene.owner.token, { "if-match": '"1"' });
    expectError(await withoutTrace(scene.server, stale), 412, "common.version_conflict");
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
    const answer = await withoutTrace(scene.server, () => put(at(teacher.id), attributes));
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details[0].field.startsWith(field)).toBe(true);
  });

  it("must have names and values that conditions can read, even if the model declares none", async () => {
    const bare = await Scene.open();
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
    const other = await newOrganization(scene.server);
    const own = `organizations/${scene.organization.id}/attributes`;
    for (const [token, status] of [
      [scene.member.token, 403],
      [teacher.token, 403],
      [scene.nonMember.token, 404],
      [other.owner.token, 404],
      [scene.administrator.token, 404],
    ] as const) {
      const code = status === 403 ? "auth.permission_denied" : "access.member_not_found";
      for (const path of [at(teacher.id), own]) {
        expectError(await withoutTrace(scene.server, () => put(path, {}, token)), status, code);
        expectError(await scene.send(`GET ${path}`, token), status, code);
      }
    }
    for (const id of [scene.nonMember.id, other.owner.id, nowhere]) {
      expectError(await withoutTrace(scene.server, () => put(at(id), {})), 404, "access.member_not_found");
      expectError(await scene.send(`GET ${at(id)}`, scene.owner.token), 404, "access.member_not_found");
    }
  });

  it("apply in their own organization only", async () => {
    const other = await newOrganization(scene.server, teacher);
    const role = await scene.role([], other);
    const condition = compare("$request.class_id", "equals", "$user.class_id");
    expectWritten(await scene.rule(role, "attendance.mark", { effect: "deny", condition }, teacher.token), 200);
    const { body } = await scene.send(`GET organizations/${other.id}/memberships`, teacher.token);
    const roleIds = [role, body.items[0].roles[0].id];
    expectWritten(await scene.send(`PUT organizations/${other.id}/memberships/${body.items[0].id}`, teacher.token, { roleIds }), 200);
    const there = { tenantId: other.id, ...inClass("10A1") };
    expectError(await scene.asks(teacher, "attendance.mark", there), 400, "common.validation_failed", "$user.class_id");
  });
});

describe("$tenant", () => {
  it("has the organization's current attributes, id and status", async () => {
    const path = `PUT organizations/${scene.organization.id}/attributes`;
    const condition = { all: [compare("$tenant.term", "equals", "spring"), compare("$tenant.status", "equals", "Active")] };
    const person = await scene.person(await scene.roleWith("grade.edit", { condition }));
    expectError(await scene.asks(person, "grade.edit"), 400, "common.validation_failed", "$tenant.term");
    for (const term of ["spring", "autumn", "spring"]) {
      const written = await scene.send(path, scene.owner.token, { attributes: { term } });
      expectWritten(written, 200);
      expect(await scene.may(person, "grade.edit")).toBe(term === "spring");
    }
    for (const [attributes, field] of [
      [{ status: "Active" }, "attributes.status"],
      [{ id: nowhere }, "attributes.id"],
      [{ shoe: "x" }, "attributes.shoe"],
    ] as const)
      expectError(await scene.send(path, scene.owner.token, { attributes }), 400, "common.validation_failed", field);
  });
});

describe("$session", () => {
  const condition = compare("$session.methods", "contains", "otp");
  it("is the caller's own session in a check of the caller: the request cannot replace it", async () => {
    const person = await scene.person(await scene.roleWith("vault", { condition }));
    for (const sessionData of [undefined, { methods: ["otp"] }, { methods: ["otp", "pwd"], id: "x", authenticatedAt: 0 }])
      expect(await scene.decides(person, "vault", sessionData ? { sessionData } : {})).toMatchObject({ reasonCode: "condition" });
  });

  it("has its id and its start, by the server's clock", async () => {
    const recent = compare("$session.authenticatedAt", "within_last", 300);
    const person = await scene.person(await scene.roleWith("vault", { condition: recent }));
    const token = await signIn(scene.server, person.email);
    const ask = async (body = {}) =>
      (
        await scene.send("POST authorization/check", token, {
          userId: person.id,
          tenantId: scene.organization.id,
          actionType: "vault",
          ...body,
        })
      ).body.isAuthorized;
    expect(await ask()).toBe(true);
    scene.server.clock.advance(301);
    expect(await ask()).toBe(false);
    expect(await ask({ sessionData: { authenticatedAt: new Date(scene.server.clock.now()).toISOString() } })).toBe(false);
  });

  it("is taken from the request in a check of another user", async () => {
    const person = await scene.person(await scene.roleWith("vault", { condition }));
    const ask = (more = {}) =>
      scene.send("POST authorization/check", scene.administrator.token, {
        userId: person.id,
        tenantId: scene.organization.id,
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
    const closes = new Date(scene.server.clock.now() + 100_000).toISOString();
    expectWritten(
      await scene.send(`PUT organizations/${scene.organization.id}/attributes`, scene.owner.token, { attributes: { closes } }),
      200,
    );
    const person = await scene.person(await scene.roleWith("report.read", { condition: compare("$now", "before", "$tenant.closes") }));
    expect(await scene.may(person, "report.read")).toBe(true);
    scene.server.clock.advance(101);
    for (const more of [{}, { contextData: { now: 0, $now: 0 } }, { sessionData: { now: 0 } }])
      expect(await scene.may(person, "report.read", more)).toBe(false);
    expectError(await scene.asks(person, "report.read", { now: 0 }), 400, "common.validation_failed", "now");
  });
});

describe("the profile of a user in conditions", () => {
  it("has address, name and locale, takes precedence over attributes, and applies changes at once", async () => {
    const person = await scene.person();
    const me = async (method: "GET" | "PUT", body?: unknown): Promise<AnyBody> =>
      (await scene.server.call(`${method} /api/v1/iam/users/me`, { token: person.token, ...(body ? { body } : {}) })).body;
    const { email, firstName, lastName } = await me("GET");
    const known = { email, name: `${firstName} ${lastName}`, firstName, lastName, locale: "vi-VN" };
    await me("PUT", { locale: "vi-VN" });
    for (const [name, value] of Object.entries(known)) {
      const role = await scene.roleWith("report.read", { condition: compare(`$user.${name}`, "equals", "$request.class_id") });
      const membership = await scene.membershipOf(person);
      const path = `organizations/${scene.organization.id}/memberships/${membership}`;
      expectWritten(await scene.send(`PUT ${path}`, scene.owner.token, { roleIds: [role] }), 200);
      expect((await scene.decides(person, "report.read", inClass(value))).isAuthorized, name).toBe(true);
      expect((await scene.decides(person, "report.read", inClass("another"))).isAuthorized, name).toBe(false);
    }
    await me("PUT", { locale: "en" });
    expect((await scene.decides(person, "report.read", inClass("vi-VN"))).isAuthorized).toBe(false);
    expect((await scene.decides(person, "report.read", inClass("en"))).isAuthorized).toBe(true);
    const path = `organizations/${scene.organization.id}/members/${person.id}/attributes`;
    for (const name of Object.keys(known)) {
      const response = await scene.send(`PUT ${path}`, scene.owner.token, { attributes: { [name]: "noted" } });
      expectError(response, 400, "common.validation_failed", `attributes.${name}`);
    }
  });
});
