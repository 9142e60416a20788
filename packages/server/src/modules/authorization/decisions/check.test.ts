import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  joinAs,
  newMember,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  rolesOf,
  signIn,
  unique,
} from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite();
const { server } = world;
let administrator: Person;
let organization: OrganizationOf;
let product: string;
let seller: Person;
beforeAll(async () => {
  ({ administrator, organization } = world);
  product = `Product${unique()}`;
  for (const value of [product, `${product}.Create`, `${product}.Read`]) await define(value);
  seller = await newMember(server, organization, [product], "seller");
});

async function define(value: string, scope = "Organization"): Promise<AnyBody> {
  const answer = await server.call("POST /api/v1/iam/permissions", { token: administrator.token, body: { value, scope } });
  expectWritten(answer, 201);
  return answer.body;
}
const newRole = (permissions: readonly string[], at = organization): Promise<string> => world.role(permissions, at);
const permissionsOf = (method: "POST" | "DELETE", role: string, permissions: readonly string[]): Promise<Answer<AnyBody>> =>
  server.call(`${method} /api/v1/iam/roles/${role}/permissions`, { token: organization.owner.token, body: { permissions } });
const check = (token: string, body: Readonly<Record<string, unknown>>): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/authorization/check", { token, body });
const own = async (person: Person, actionType: string, more: Readonly<Record<string, unknown>> = {}): Promise<AnyBody> => {
  const answer = await check(person.token, { userId: person.id, tenantId: organization.id, actionType, ...more });
  expectRead(answer);
  return answer.body;
};

describe("POST /api/v1/iam/authorization/check", () => {
  it("takes S3's request and gives S3's answer", async () => {
    const answer = await check(seller.token, {
      userId: seller.id,
      tenantId: organization.id,
      actionType: `${product}.Create`,
      resourceType: "Product",
      resourceId: "0198c0de-0000-7000-8000-000000000000",
      contextData: { ipAddress: "192.168.1.1", userAgent: "...", featureFlag: "new-product-feature", deep: { list: [1, null] } },
    });
    expectRead(answer);
    expect(answer.body).toEqual({
      isAuthorized: true,
      reason: expect.stringMatching(/^Allowed by role 'Role \w+'$/),
      reasonCode: "role",
      missingPermissions: [],
      applicableEntitlements: {},
      decisionId: expect.stringMatching(/^[\da-f-]{36}$/),
      revision: expect.stringMatching(/^\d+$/),
    });
  });

  it("is true about each denial: what is missing is named, and only that", async () => {
    expect(await own(seller, "Organization.Update")).toMatchObject({
      isAuthorized: false,
      reason: "Denied: no role or grant of the user gives 'Organization.Update'",
      reasonCode: "missing_permission",
      missingPermissions: ["Organization.Update"],
    });
    const nonMember = await newPerson(server);
    expect(await own(nonMember, product)).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member", missingPermissions: [product] });
    expect(await own(seller, product, { tenantId: "0198c0de-0000-7000-8000-000000000000" })).toMatchObject({
      isAuthorized: false,
      reasonCode: "not_a_member",
    });
  });

  it("holds from a parent on down, at once for what is defined below it later", async () => {
    expect((await own(seller, product)).isAuthorized).toBe(true);
    expect((await own(seller, `${product}.Read`)).isAuthorized).toBe(true);
    const later = `${product}.Archive.Now`;
    expectError(
      await check(seller.token, { userId: seller.id, tenantId: organization.id, actionType: later }),
      400,
      "access.unknown_permission",
    );
    await define(`${product}.Archive`);
    const defined = await define(later);
    expect((await own(seller, later)).isAuthorized).toBe(true);
    await server.call(`PUT /api/v1/iam/permissions/${defined.id}`, { token: administrator.token, body: { parent: null } });
    expect(await own(seller, later)).toMatchObject({ isAuthorized: false, missingPermissions: [later] });
    await server.call(`PUT /api/v1/iam/permissions/${defined.id}`, { token: administrator.token, body: { parent: product } });
    expect((await own(seller, later)).isAuthorized).toBe(true);
  });

  it("does not hold upwards or sideways", async () => {
    const reader = await newPerson(server);
    await joinAs(server, organization, reader, await newRole([`${product}.Read`]));
    expect((await own(reader, `${product}.Read`)).isAuthorized).toBe(true);
    expect((await own(reader, product)).isAuthorized).toBe(false);
    expect((await own(reader, `${product}.Create`)).isAuthorized).toBe(false);
  });

  it("follows every change at once: given, taken, given again, a hundred times", async () => {
    const role = await newRole([`${product}.Read`]);
    const person = await newPerson(server);
    await joinAs(server, organization, person, role);
    for (let round = 0; round < 50; round += 1) {
      expectWritten(await permissionsOf("POST", role, [`${product}.Create`]), 200);
      expect((await own(person, `${product}.Create`)).isAuthorized, `given in round ${round}`).toBe(true);
      const taken = await permissionsOf("DELETE", role, [`${product}.Create`]);
      const { "x-gatehouse-revision": minRevision } = taken.headers;
      expect((await own(person, `${product}.Create`, round % 2 === 0 ? {} : { minRevision })).isAuthorized, `taken in round ${round}`).toBe(
        false,
      );
    }
  });

  it("never answers from before a write while many ask at the same moment", async () => {
    const role = await newRole([`${product}.Read`]);
    const person = await newPerson(server);
    await joinAs(server, organization, person, role);
    for (let round = 0; round < 10; round += 1) {
      const before = Array.from({ length: 8 }, () => own(person, `${product}.Create`));
      expectWritten(await permissionsOf(round % 2 === 0 ? "POST" : "DELETE", role, [`${product}.Create`]), 200);
      const after = await Promise.all(Array.from({ length: 8 }, () => own(person, `${product}.Create`)));
      expect(new Set(after.map(({ isAuthorized }) => isAuthorized))).toEqual(new Set([round % 2 === 0]));
      await Promise.all(before);
    }
  });

  it("asks nobody's leave to ask about oneself, from any session of the scope", async () => {
    const scoped = await signIn(server, seller.email, organization.id);
    const body = { userId: seller.id, tenantId: organization.id, actionType: product };
    expect((await check(scoped, body)).body.isAuthorized).toBe(true);
    const upper = { ...body, userId: seller.id.toUpperCase(), tenantId: organization.id.toUpperCase() };
    expect((await check(seller.token, upper)).body.isAuthorized).toBe(true);
    const other = await newOrganization(server, seller);
    expect((await check(seller.token, { ...body, tenantId: other.id, actionType: "Organization.Update" })).body.isAuthorized).toBe(true);
    const elsewhere = await check(scoped, { ...body, tenantId: other.id, actionType: "Organization.Update" });
    expect(elsewhere.body).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
  });

  it("answers about others only to Authorization.Check in the internal scope, and to Organization.CheckAccess there", async () => {
    const body = { userId: seller.id, tenantId: organization.id, actionType: product };
    const nonMember = await newPerson(server);
    const member = await newPerson(server);
    await joinAs(server, organization, member, (await rolesOf(server, organization))["Member"] as string);
    const elsewhere = await newOrganization(server);
    const refused = await withoutTrace(server, () => check(nonMember.token, body));
    for (const token of [nonMember.token, member.token, elsewhere.owner.token]) {
      const answer = await withoutTrace(server, () => check(token, body));
      expectError(answer, 403, "auth.permission_denied");
      expect(answer.body.error.details).toEqual(refused.body.error.details);
      const nowhere = await withoutTrace(server, () => check(token, { ...body, tenantId: crypto.randomUUID() }));
      expect(nowhere.body.error.details).toEqual(refused.body.error.details);
    }
    expect((await check(organization.owner.token, body)).body).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    // Of somebody who does not belong there is no more to learn than of nobody.
    for (const userId of [nonMember.id, crypto.randomUUID()])
      expect((await check(organization.owner.token, { ...body, userId })).body).toMatchObject({
        isAuthorized: false,
        reasonCode: "not_a_member",
      });
    for (const tenantId of [null, elsewhere.id])
      expectError(await check(organization.owner.token, { ...body, tenantId }), 403, "auth.permission_denied");
    const ofElsewhere = await signIn(server, elsewhere.owner.email, elsewhere.id);
    expectError(await check(ofElsewhere, body), 403, "auth.permission_denied");
    expect((await check(administrator.token, body)).body.isAuthorized).toBe(true);
    const home = await newOrganization(server, administrator);
    const scoped = await signIn(server, administrator.email, home.id);
    expectError(await check(scoped, body), 403, "auth.permission_denied");
    expectError(await server.call("POST /api/v1/iam/authorization/check", { body }), 401, "auth.credential_required");
  });

  it("decides in the internal scope without a tenant", async () => {
    for (const scope of [{}, { tenantId: null }]) {
      const allowed = await check(administrator.token, { userId: administrator.id, actionType: "User.Read", ...scope });
      expect(allowed.body).toMatchObject({ isAuthorized: true, reason: "Allowed by role 'Administrator'" });
      const denied = await check(administrator.token, { userId: seller.id, actionType: "User.Read", ...scope });
      expect(denied.body).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    }
    const inside = await check(administrator.token, { userId: administrator.id, actionType: "Organization.Update" });
    expect(inside.body).toMatchObject({ isAuthorized: false, reasonCode: "missing_permission" });
    expect(await own(seller, "User.Read")).toMatchObject({ isAuthorized: false, reasonCode: "missing_permission" });
  });

  it("has a minimal revision: one that is reached is fine, a future one gets 503, and what is none gets 400", async () => {
    const written = await permissionsOf("POST", await newRole([]), [product]);
    const revision = written.headers["x-gatehouse-revision"] as string;
    for (const minRevision of [0, "1", revision, Number(revision)])
      expect((await own(seller, product, { minRevision })).isAuthorized).toBe(true);
    const body = { userId: seller.id, tenantId: organization.id, actionType: product };
    const future = await check(seller.token, { ...body, minRevision: "999999999999" });
    expectError(future, 503, "common.revision_not_reached", "minRevision");
    for (const minRevision of ["", "x", "-1", "1.5", -1, 1.5, null, "1".repeat(20), {}]) {
      const answer = await check(seller.token, { ...body, minRevision });
      expectError(answer, 400, "common.validation_failed");
    }
  });

  it.each([
    [{ userId: undefined }, "userId"],
    [{ userId: "me" }, "userId"],
    [{ tenantId: "all" }, "tenantId"],
    [{ actionType: "" }, "actionType"],
    [{ actionType: "Product Create" }, "actionType"],
    [{ resourceId: 7 }, "resourceId"],
    [{ resourceType: "r".repeat(256) }, "resourceType"],
    [{ contextData: "text" }, "contextData"],
    [{ subject: "x" }, "subject"],
  ])("refuses %j", async (overrides, field) => {
    const body = { userId: seller.id, tenantId: organization.id, actionType: product, ...overrides };
    expectError(await check(seller.token, body), 400, "common.validation_failed", field);
  });

  it("writes nothing: no audit entry, event or row", async () => {
    await own(seller, product);
    await withoutTrace(server, async () => {
      await own(seller, product);
      await own(seller, "Organization.Update");
    });
  });
});

describe("POST /api/v1/iam/authorization/check-batch", () => {
  const batch = (token: string, checks: readonly unknown[]): Promise<Answer<AnyBody>> =>
    server.call("POST /api/v1/iam/authorization/check-batch", { token, body: { checks } });
  const asked = (actionType: string, more = {}) => ({ userId: seller.id, tenantId: organization.id, actionType, ...more });

  it("answers in the order of the questions what each check would answer", async () => {
    const checks = ["Organization.Update", product, "User.Read", `${product}.Create`, product].map((action) => asked(action));
    const answer = await batch(seller.token, [...checks, asked("User.Read", { tenantId: null })]);
    expectRead(answer);
    expect(answer.body.results.map(({ isAuthorized, reasonCode }: AnyBody) => [isAuthorized, reasonCode])).toEqual([
      [false, "missing_permission"],
      [true, "role"],
      [false, "missing_permission"],
      [true, "role"],
      [true, "role"],
      [false, "not_a_member"],
    ]);
    expect(answer.body.revision).toMatch(/^\d+$/);
    expect(new Set(answer.body.results.map(({ decisionId }: AnyBody) => decisionId)).size).toBe(6);
  });

  it("needs leave for every other user in it, and answers none of it without", async () => {
    const mixed = [asked(product), { ...asked(product), userId: organization.owner.id }];
    expectError(await batch(seller.token, mixed), 403, "auth.permission_denied");
    for (const { token } of [administrator, organization.owner])
      expect((await batch(token, mixed)).body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, true]);
    const elsewhere = { ...asked(product), tenantId: (await newOrganization(server)).id };
    expectError(await batch(organization.owner.token, [...mixed, elsewhere]), 403, "auth.permission_denied");
    expectError(await batch(organization.owner.token, [asked("User.Read", { tenantId: null })]), 403, "auth.permission_denied");
  });

  it("names the questions for what nobody has defined, and refuses none and too many", async () => {
    const unknown = await batch(seller.token, [asked(product), asked("Nobody.Defined"), asked("Nor.This")]);
    expectError(unknown, 400, "access.unknown_permission");
    expect(unknown.body.error.details.map(({ field }: AnyBody) => field)).toEqual(["checks.1.actionType", "checks.2.actionType"]);
    expectError(await batch(seller.token, []), 400, "common.validation_failed", "checks");
    expectError(await batch(seller.token, Array(1_001).fill(asked(product))), 400, "common.validation_failed", "checks");
    expect((await batch(seller.token, Array(1_000).fill(asked(product)))).body.results).toHaveLength(1_000);
    expectError(await batch(seller.token, [asked(product), { userId: "x" }]), 400, "common.validation_failed", "checks.1.userId");
  });

  it("with several revisions that do not come answers 503 once, and the process lives on", async () => {
    const future = asked(product, { minRevision: "999999999999" });
    expectError(await batch(seller.token, [future, future, asked(product), future]), 503, "common.revision_not_reached");
    expect((await batch(seller.token, [asked(product)])).status).toBe(200);
  });
});

describe("GET /api/v1/iam/users/me/permissions", () => {
  const mine = (token: string, query = ""): Promise<Answer<AnyBody>> =>
    server.call(`GET /api/v1/iam/users/me/permissions${query}`, { token });

  it("lists everything that the roles give, what is below a parent included, in order", async () => {
    const answer = await mine(seller.token, `?organizationId=${organization.id}`);
    expectRead(answer);
    expect(answer.body.organizationId).toBe(organization.id);
    expect(answer.body.permissions).toEqual(expect.arrayContaining([product, `${product}.Create`, `${product}.Read`]));
    expect(answer.body.permissions).toEqual(answer.body.permissions.toSorted());
    expect(answer.body.permissions.filter((value: string) => !value.startsWith(product))).toEqual([]);
  });

  it("speaks of the session's scope, and of no other organization", async () => {
    const other = await newOrganization(server, seller);
    const scoped = await signIn(server, seller.email, organization.id);
    expect((await mine(scoped)).body).toMatchObject({ organizationId: organization.id });
    expect((await mine(scoped)).body.permissions).toContain(product);
    expect((await mine(scoped, `?organizationId=${other.id}`)).body.permissions).toEqual([]);
    expect((await mine(seller.token, `?organizationId=${other.id}`)).body.permissions).toContain("Organization");
    expect((await mine(seller.token)).body).toMatchObject({ organizationId: null, permissions: [] });
    expect((await mine(administrator.token)).body.permissions).toContain("User.SetStatus");
  });

  it("is empty while the organization is suspended", async () => {
    const organization = await newOrganization(server);
    const of = () => mine(organization.owner.token, `?organizationId=${organization.id}`);
    expect((await of()).body.permissions).toContain("Organization");
    await server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token: administrator.token, body: { status: "Suspended" } });
    expect((await of()).body.permissions).toEqual([]);
  });

  it("of several roles is all of theirs", async () => {
    const organization = await newOrganization(server);
    const roles = await rolesOf(server, organization);
    const person = await newPerson(server);
    const membership = await joinAs(server, organization, person, roles["Member"] as string);
    const role = await newRole([`${product}.Read`], organization);
    await server.call(`PUT /api/v1/iam/organizations/${organization.id}/memberships/${membership.id}`, {
      token: organization.owner.token,
      body: { roleIds: [roles["Member"], role] },
    });
    expect((await mine(person.token, `?organizationId=${organization.id}`)).body.permissions).toEqual([
      "Organization.Read",
      "Organization.ReadMembers",
      "Organization.ReadRoles",
      `${product}.Read`,
    ]);
  });
});
