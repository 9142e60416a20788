import { randomUUID } from "node:crypto";
import { expectError, expectOk, expectRead } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, rolesOf, signIn } from "@gatehouse/testing/people.ts";
import { type AnyBody, distributed } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthzenWorld, openAuthzenWorld } from "./conformance/authzen-world.ts";

let world: AuthzenWorld;
beforeAll(async () => {
  world = await openAuthzenWorld();
});
afterAll(() => world.server.close());

const one = "/access/v1/evaluation";
const many = "/access/v1/evaluations";
const alice = (properties?: object) => ({ type: "user", id: world.alice.id, ...(properties ? { properties } : {}) });
const record = (id: string, properties?: object) => ({ type: "record", id, ...(properties ? { properties } : {}) });
const reading = (more: object = {}) => ({ subject: alice(), action: { name: "read" }, resource: record("record-1"), ...more });

describe("POST /access/v1/evaluation", () => {
  it("permits without a context, and denies with the reason in the context", async () => {
    const answer = await world.post(one, reading());
    expectRead(answer);
    expect(answer.body).toEqual({ decision: true });
    expect(await world.decide(reading({ subject: { type: "user", id: world.bob.id }, action: { name: "delete" } }))).toEqual({
      decision: false,
      context: { reason_code: "missing_permission", reason: "Denied: no role or grant of the user gives 'delete'" },
    });
  });

  it("denies an undefined action or type with status 200 and the field", async () => {
    const context = async (more: object): Promise<AnyBody> => {
      const { decision, context: why } = await world.decide(reading(more));
      expect(decision).toBe(false);
      return why;
    };
    for (const name of ["", "can read", "Nobody.Defined", "x".repeat(10_000), "__proto__", "toString"])
      expect(await context({ action: { name } })).toMatchObject({ reason_code: "unknown_permission", details: [{ field: "action.name" }] });
    for (const type of ["", "spaceship", "toString"])
      expect(await context({ resource: { type, id: "1" } })).toMatchObject({
        reason_code: "unknown_resource_type",
        details: [{ field: "resource.type" }],
      });
    for (const subject of [
      { type: "user", id: "alice" },
      { type: "user", id: "" },
      { type: "group", id: world.alice.id },
      { type: "User", id: world.alice.id },
    ])
      expect(await context({ subject })).toEqual({
        reason_code: "unknown_subject",
        reason: "The subject is neither a user nor a service account.",
      });
    expect(await context({ subject: { type: "user", id: randomUUID() } })).toMatchObject({ reason_code: "not_a_member" });
    expect((await context({ resource: record("nowhere") })).reason_code).toBe("missing_permission");
    expect(await context({ resource: record("i".repeat(256)) })).toMatchObject({
      reason_code: "invalid_input",
      details: [{ field: "resource.id", rule: "maxLength" }],
    });
    expect(await context({ action: { name: "delete" } })).toMatchObject({
      reason_code: "invalid_input",
      details: [{ field: "$request.action.soft" }],
    });
  });

  it("accepts a user's id in upper case, but compares all other names exactly", async () => {
    expect(await world.decide(reading({ subject: { type: "user", id: world.alice.id.toUpperCase() } }))).toEqual({ decision: true });
    expect((await world.decide(reading({ resource: record("RECORD-1") }))).decision).toBe(false);
    expect((await world.decide(reading({ action: { name: "Read" } }))).context.reason_code).toBe("unknown_permission");
  });

  it("reads the resource's properties, the context, and the action's properties as context.action", async () => {
    const writing = (properties?: object) => reading({ action: { name: "write" }, resource: record("record-1", properties) });
    expect((await world.decide(writing({ status: "active", nested: { deep: [null, 1] } }))).decision).toBe(true);
    expect((await world.decide(writing({ status: "archived" }))).decision).toBe(false);
    const deleting = (more: object) => world.decide(reading({ action: { name: "delete", ...more } }));
    expect((await deleting({ properties: { soft: true } })).decision).toBe(true);
    const viaContext = { action: { name: "delete" }, context: { action: { soft: true } } };
    expect((await world.decide(reading(viaContext))).decision).toBe(true);
    const both = { action: { name: "delete", properties: { soft: false } }, context: { action: { soft: true } } };
    expect((await world.decide(reading(both))).decision).toBe(false);
  });

  it("ignores the caller's properties of the subject in favour of the stored attributes", async () => {
    const writing = (id: string, role: string) => ({
      subject: { type: "user", id, properties: { role, id: world.bob.id, roles: ["Owner"] } },
      action: { name: "write" },
      resource: record("record-2", { status: "archived" }),
    });
    expect((await world.decide(writing(world.bob.id, "nobody"))).decision).toBe(true);
    expect((await world.decide(writing(world.alice.id, "admin"))).decision).toBe(false);
  });

  it("ignores unknown fields at every depth, and treats null as absent", async () => {
    const sent = {
      subject: { ...alice(), properties: null, foo: 1 },
      action: { name: "read", properties: null, foo: { bar: [] } },
      resource: { ...record("record-1"), properties: null, foo: null },
      context: null,
      evaluations: "not read here",
      foo: "bar",
    };
    expect(await world.decide(sent)).toEqual({ decision: true });
  });

  it.each([
    [{ subject: undefined }, "subject"],
    [{ subject: null }, "subject"],
    [{ subject: "alice" }, "subject"],
    [{ subject: [] }, "subject"],
    [{ subject: { type: "user" } }, "subject.id"],
    [{ subject: { id: "alice" } }, "subject.type"],
    [{ subject: { type: "user", id: 7 } }, "subject.id"],
    [{ subject: { type: "user", id: "alice", properties: "x" } }, "subject.properties"],
    [{ action: {} }, "action.name"],
    [{ action: { name: 123 } }, "action.name"],
    [{ resource: { type: "record" } }, "resource.id"],
    [{ resource: { id: "record-1" } }, "resource.type"],
    [{ context: "x" }, "context"],
    [{ context: [] }, "context"],
  ])("rejects %j with 400", async (more, field) => {
    expectError(await world.post(one, reading(more)), 400, "common.validation_failed", field);
  });

  it("needs no permission for an evaluation of the caller, and one of two permissions for others", async () => {
    const { server, administrator, organization } = world;
    const inTenant = alice({ tenantId: organization.id });
    const own = await signIn(server, world.alice.email, organization.id);
    expect((await world.decide(reading(), own)).decision).toBe(true);
    expect((await world.decide(reading({ subject: inTenant }), world.alice.token)).decision).toBe(true);
    expect((await world.decide(reading({ subject: inTenant }), administrator.token)).decision).toBe(true);
    const nonMember = await newPerson(server, "non-member");
    const bobs = await signIn(server, world.bob.email, organization.id);
    for (const token of [bobs, world.bob.token, nonMember.token]) {
      const refused = await withoutTrace(server, () => world.post(one, reading({ subject: inTenant }), { token }));
      expectError(refused, 403, "auth.permission_denied");
      const unknown = await world.post(one, reading({ subject: { ...inTenant, id: randomUUID() } }), { token });
      expect({ ...unknown.body.error, traceId: "" }).toEqual({ ...refused.body.error, traceId: "" });
    }
    expectError(await server.call(`POST ${one}`, { body: reading() }), 401, "auth.credential_required");
    const wrong = await server.call(`POST ${one}`, { body: reading(), headers: { authorization: "Basic YTpi" } });
    expectError(wrong, 401, "auth.credential_invalid");
    expect(wrong.headers["www-authenticate"]).toMatch(/^Bearer realm="gatehouse", /);
  });

  it("decides in the session's organization, or in the named one for a session without, and never across", async () => {
    const { server, administrator, organization } = world;
    const other = await newOrganization(server);
    await joinAs(server, other, world.alice, (await rolesOf(server, other))["Member"] as string);
    const otherOwner = await signIn(server, other.owner.email, other.id);
    // The same resource id in another organization has no access.
    expect((await world.decide(reading(), otherOwner)).context.reason_code).toBe("missing_permission");
    const reasons = async (tenantId: unknown, token: string) =>
      (await world.decide(reading({ subject: alice({ tenantId }) }), token)).context?.reason_code;
    expect(await reasons(organization.id, administrator.token)).toBeUndefined();
    expect(await reasons(organization.id.toUpperCase(), administrator.token)).toBeUndefined();
    expect(await reasons(other.id, administrator.token)).toBe("missing_permission");
    expect(await reasons(randomUUID(), administrator.token)).toBe("not_a_member");
    for (const internal of [undefined, null]) expect(await reasons(internal, administrator.token)).toBe("not_a_member");
    for (const wrong of ["", "x", 7, {}, [organization.id]]) expect(await reasons(wrong, administrator.token)).toBe("invalid_input");
    // A session of one organization counts as a non-member's in any other, existing or not, also for the caller.
    const aliceThere = await signIn(server, world.alice.email, other.id);
    expect(await reasons(organization.id, aliceThere)).toBe("not_a_member");
    expect(await reasons(other.id, aliceThere)).toBe("missing_permission");
    for (const tenantId of [organization.id, randomUUID()])
      expectError(await world.post(one, reading({ subject: alice({ tenantId }) }), { token: otherOwner }), 403, "auth.permission_denied");
    // Only the subject's properties may name the tenant.
    const context = { tenantId: organization.id, tenant_id: organization.id, organizationId: organization.id };
    expect((await world.decide(reading({ context }), otherOwner)).decision).toBe(false);
  });

  it("applies a change at once, returns equal bodies for equal requests, and writes nothing", async () => {
    const question = reading({ resource: record("record-9") });
    expect((await world.decide(question)).decision).toBe(false);
    await world.grant("record/record-9", "reader", alice());
    const answers = await Promise.all([1, 2, 3].map(() => world.decide(question)));
    expect(answers).toEqual([{ decision: true }, { decision: true }, { decision: true }]);
    await withoutTrace(world.server, () => world.decide(question));
    await world.server.call(`PATCH /api/v1/users/${world.bob.id}`, { token: world.administrator.token, body: { status: "Suspended" } });
    const bob = reading({ subject: { type: "user", id: world.bob.id } });
    expect((await world.decide(bob)).context.reason_code).toBe("user_inactive");
    await expectOk(
      world.server.call(`PATCH /api/v1/users/${world.bob.id}`, { token: world.administrator.token, body: { status: "Active" } }),
    );
    expect((await world.decide(bob)).decision).toBe(true);
  });
});

describe("POST /access/v1/evaluations", () => {
  const ask = async (body: object, token = world.token): Promise<AnyBody> => {
    const answer = await world.post(many, body, { token });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  };
  const decisions = async (body: object): Promise<boolean[]> => (await ask(body)).evaluations.map(({ decision }: AnyBody) => decision);
  const items = (...ids: string[]) => ids.map((id) => ({ resource: record(id) }));

  it("returns many decisions in the order of the request, each equal to the single evaluation's", async () => {
    const all = ["record-1", "nowhere", "record-2", "record-1"];
    const { evaluations } = await ask({ ...reading(), evaluations: items(...all) });
    for (const [index, id] of all.entries()) expect(evaluations[index]).toEqual(await world.decide(reading({ resource: record(id) })));
  });

  it("returns a single decision without evaluations, or if they are null or empty", async () => {
    for (const more of [
      {},
      { evaluations: [] },
      { evaluations: null },
      { evaluations: [], options: { evaluations_semantic: "deny_on_first_deny" } },
    ])
      expect(await ask({ ...reading(), ...more })).toEqual({ decision: true });
    expect(await ask({ ...reading({ resource: record("nowhere") }) })).toMatchObject({
      decision: false,
      context: { reason_code: "missing_permission" },
    });
    for (const body of [
      {},
      { evaluations: [] },
      { ...reading(), subject: undefined },
      { ...reading(), resource: { type: "record" }, evaluations: [] },
    ])
      expectError(await world.post(many, body), 400, "common.validation_failed");
    expectError(await world.post(many, { subject: alice() }), 400, "common.validation_failed", "resource");
  });

  it("applies defaults as whole entities: properties and contexts are not merged", async () => {
    const archived = { properties: { status: "archived" } };
    const write = { subject: alice(), action: { name: "write" } };
    expect(
      await decisions({
        ...write,
        resource: { ...record("record-1"), ...archived },
        evaluations: [{}, ...items("record-1"), { resource: null }],
      }),
    ).toEqual([false, true, false]);
    // An incomplete entity gets its missing identifiers from the default, and nothing else.
    expect(
      await decisions({ ...write, resource: { ...record("x"), ...archived }, evaluations: [{ resource: { id: "record-1" } }] }),
    ).toEqual([true]);
    const soft = { context: { action: { soft: true } }, subject: alice(), action: { name: "delete" }, resource: record("record-1") };
    expect(await decisions({ ...soft, evaluations: [{}, { context: { other: 1 } }, { context: {} }, { context: null }] })).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(
      await decisions({ subject: { type: "user" }, action: {}, resource: { type: "record" }, evaluations: [{ ...reading() }] }),
    ).toEqual([true]);
    expect(
      await decisions({
        subject: { type: "user" },
        action: { name: "read" },
        resource: { type: "record" },
        evaluations: [{ subject: { id: world.alice.id }, resource: { id: "record-1" } }],
      }),
    ).toEqual([true]);
  });

  it("denies an incomplete item and decides the others", async () => {
    const broken = [
      1,
      null,
      "x",
      [],
      { resource: "x" },
      { resource: { id: 7 } },
      { subject: { properties: 1 } },
      { context: "x" },
      { action: { name: null } },
    ];
    const { evaluations } = await ask({
      subject: alice(),
      resource: record("record-1"),
      evaluations: [...broken, { action: { name: "read" } }],
    });
    for (const evaluation of evaluations.slice(0, -1))
      expect(evaluation).toMatchObject({ decision: false, context: { reason_code: "invalid_input", details: expect.any(Array) } });
    expect(evaluations.at(-1)).toEqual({ decision: true });
    expect(evaluations).toHaveLength(broken.length + 1);
    expect(await decisions({ evaluations: [{}] })).toEqual([false]);
    const unknown = [
      { action: { name: "no such" } },
      { resource: { type: "spaceship", id: "1" } },
      { subject: { type: "doc", id: "2" } },
      {},
    ];
    const mixed = await ask({ ...reading(), evaluations: unknown });
    expect(mixed.evaluations.map(({ context }: AnyBody) => context?.reason_code)).toEqual([
      "unknown_permission",
      "unknown_resource_type",
      "unknown_subject",
      undefined,
    ]);
  });

  it.each([
    ["execute_all", ["record-1", "nowhere", "record-1"], [true, false, true]],
    ["deny_on_first_deny", ["record-1", "nowhere", "record-1"], [true, false]],
    ["deny_on_first_deny", ["record-1", "record-2"], [true, true]],
    ["permit_on_first_permit", ["nowhere", "record-1", "nowhere"], [false, true]],
    ["permit_on_first_permit", ["nowhere", "never"], [false, false]],
  ])("with %s decides %j as %j", async (semantic, ids, expected) => {
    const options = { evaluations_semantic: semantic, another_option: "value" };
    expect(await decisions({ ...reading(), evaluations: items(...ids), options })).toEqual(expected);
  });

  it("counts an item's error as a denial, which ends deny_on_first_deny only", async () => {
    const evaluations = [{ resource: "x" }, {}];
    expect(await decisions({ ...reading(), evaluations, options: { evaluations_semantic: "deny_on_first_deny" } })).toEqual([false]);
    expect(await decisions({ ...reading(), evaluations, options: { evaluations_semantic: "permit_on_first_permit" } })).toEqual([
      false,
      true,
    ]);
    for (const options of [{}, null, { evaluations_semantic: null }, { foo: 1 }])
      expect(await decisions({ ...reading(), evaluations, options })).toEqual([false, true]);
  });

  // Counts decisions in the deciding process, which is another one if the roles run in separate processes.
  it.skipIf(distributed)("does not decide the evaluations that a short circuit skips", async () => {
    const decisionCount = async () =>
      (await world.server.application.platform.metrics.registry.metrics())
        .split("\n")
        .filter((line) => /^gatehouse_\w*decisions\w*\{/.test(line))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    const before = await decisionCount();
    await decisions({
      ...reading(),
      evaluations: items("record-1", "nowhere", "record-1", "record-1"),
      options: { evaluations_semantic: "deny_on_first_deny" },
    });
    expect((await decisionCount()) - before).toBe(2);
  });

  it.each([
    ["evaluations that are no list", { evaluations: {} }],
    ["an unknown semantic", { evaluations: [{}], options: { evaluations_semantic: "bogus_value" } }],
    ["a semantic of the wrong type", { evaluations: [{}], options: { evaluations_semantic: 1 } }],
    ["options that are no object", { evaluations: [{}], options: "execute_all" }],
    ["a default of the wrong type", { evaluations: [{}], subject: "alice" }],
    ["too many", { evaluations: Array(1_001).fill({}) }],
  ])("rejects %s with 400", async (_what, more) => {
    expectError(await world.post(many, { ...reading(), ...more }), 400, "common.validation_failed");
  });

  it("responds in bounded time with defaults as large as the maximum body", async () => {
    const context = { list: Array.from({ length: 30_000 }, (_, index) => index) };
    const began = performance.now();
    expect(await decisions({ ...reading(), context, evaluations: Array(1_000).fill({}) })).toEqual(Array(1_000).fill(true));
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("decides a thousand evaluations", async () => {
    expect(await decisions({ ...reading(), evaluations: Array(1_000).fill({}) })).toEqual(Array(1_000).fill(true));
  });

  it("needs a permission for each other subject, and decides nothing without", async () => {
    const { server, organization, alice: own } = world;
    const token = await signIn(server, own.email, organization.id);
    const about = (id: string) => ({ subject: { type: "user", id } });
    expect(
      (await ask({ ...reading(), evaluations: [about(own.id), { subject: { type: "doc", id: "1" } }] }, token)).evaluations,
    ).toHaveLength(2);
    for (const semantic of ["execute_all", "permit_on_first_permit"]) {
      const body = { ...reading(), evaluations: [about(own.id), about(world.bob.id)], options: { evaluations_semantic: semantic } };
      expectError(await world.post(many, body, { token }), 403, "auth.permission_denied");
    }
    expectError(await world.post(many, { ...reading(about(world.bob.id)) }, { token }), 403, "auth.permission_denied");
    const tenants = [organization.id, (await newOrganization(server)).id].map((tenantId) => ({
      subject: { type: "user", id: world.bob.id, properties: { tenantId } },
    }));
    const owner = world.organization.owner.token;
    expect((await ask({ ...reading(), evaluations: tenants.slice(0, 1) }, owner)).evaluations).toEqual([{ decision: true }]);
    expectError(await world.post(many, { ...reading(), evaluations: tenants }, { token: owner }), 403, "auth.permission_denied");
    expect(
      (await ask({ ...reading(), evaluations: tenants }, world.administrator.token)).evaluations.map(({ decision }: AnyBody) => decision),
    ).toEqual([true, false]);
  });

  it("returns equal bodies for equal requests", async () => {
    const body = { ...reading(), evaluations: [...items("record-1", "nowhere"), 7, { action: { name: "delete" } }] };
    const answers = await Promise.all([1, 2, 3].map(() => ask(body)));
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});
