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
  it("accepts the documented request and returns the documented response", async () => {
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

  it("names with each denial exactly the missing permissions", async () => {
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

  it("allows every descendant of a permission, at once for one that is defined later", async () => {
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

  it("allows neither the parent nor a sibling of a permission", async () => {
    const reader = await newPerson(server);
    await joinAs(server, organization, reader, await newRole([`${product}.Read`]));
    expect((await own(reader, `${product}.Read`)).isAuthorized).toBe(true);
    expect((await own(reader, product)).isAuthorized).toBe(false);
    expect((await own(reader, `${product}.Create`)).isAuthorized).toBe(false);
  });

  it("applies a hundred assignments and removals in a row, each on the next check", async () => {
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

  it("never decides from before a write among many concurrent checks", async () => {
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

  it("needs no permission for a check of the caller, from any session of the scope", async () => {
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

  it("needs Authorization.Check in the internal scope or Organization.CheckAccess there for a check of others", async () => {
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
    // The response about a non-member equals that about an unknown user.
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

  it("accepts a minimum revision: a reached one is decided, a future one gets 503, a malformed one 400", async () => {
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
  ])("rejects %j", async (overrides, field) => {
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
  const checkOf = (actionType: string, more = {}) => ({ userId: seller.id, tenantId: organization.id, actionType, ...more });

  it("returns the result of each check in the order of the request", async () => {
    const checks = ["Organization.Update", product, "User.Read", `${product}.Create`, product].map((action) => checkOf(action));
    const answer = await batch(seller.token, [...checks, checkOf("User.Read", { tenantId: null })]);
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

  it("needs a permission for every other user, and decides nothing without", async () => {
    const mixed = [checkOf(product), { ...checkOf(product), userId: organization.owner.id }];
    expectError(await batch(seller.token, mixed), 403, "auth.permission_denied");
    for (const { token } of [administrator, organization.owner])
      expect((await batch(token, mixed)).body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, true]);
    const elsewhere = { ...checkOf(product), tenantId: (await newOrganization(server)).id };
    expectError(await batch(organization.owner.token, [...mixed, elsewhere]), 403, "auth.permission_denied");
    expectError(await batch(organization.owner.token, [checkOf("User.Read", { tenantId: null })]), 403, "auth.permission_denied");
  });

  it("names the index of a check with an undefined name, and rejects an empty and a too long batch", async () => {
    const unknown = await batch(seller.token, [checkOf(product), checkOf("Nobody.Defined"), checkOf("Nor.This")]);
    expectError(unknown, 400, "access.unknown_permission");
    expect(unknown.body.error.details.map(({ field }: AnyBody) => field)).toEqual(["checks.1.actionType", "checks.2.actionType"]);
    expectError(await batch(seller.token, []), 400, "common.validation_failed", "checks");
    expectError(await batch(seller.token, Array(1_001).fill(checkOf(product))), 400, "common.validation_failed", "checks");
    expect((await batch(seller.token, Array(1_000).fill(checkOf(product)))).body.results).toHaveLength(1_000);
    expectError(await batch(seller.token, [checkOf(product), { userId: "x" }]), 400, "common.validation_failed", "checks.1.userId");
  });

  it("answers 503 once for several revisions that are not reached, and the process stays up", async () => {
    const future = checkOf(product, { minRevision: "999999999999" });
    expectError(await batch(seller.token, [future, future, checkOf(product), future]), 503, "common.revision_not_reached");
    expect((await batch(seller.token, [checkOf(product)])).status).toBe(200);
  });
});

describe("GET /api/v1/iam/users/me/permissions", () => {
  const mine = (token: string, query = ""): Promise<Answer<AnyBody>> =>
    server.call(`GET /api/v1/iam/users/me/permissions${query}`, { token });

  it("lists all permissions of the roles, descendants included, sorted", async () => {
    const answer = await mine(seller.token, `?organizationId=${organization.id}`);
    expectRead(answer);
    expect(answer.body.organizationId).toBe(organization.id);
    expect(answer.body.permissions).toEqual(expect.arrayContaining([product, `${product}.Create`, `${product}.Read`]));
    expect(answer.body.permissions).toEqual(answer.body.permissions.toSorted());
    expect(answer.body.permissions.filter((value: string) => !value.startsWith(product))).toEqual([]);
  });

  it("lists those of the session's scope, and of no other organization", async () => {
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

  it("combines the permissions of several roles", async () => {
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
