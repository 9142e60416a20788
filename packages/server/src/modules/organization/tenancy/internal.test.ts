import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  newAdministrator,
  newInternalRole,
  newOrganization,
  newPerson,
  type Person,
  password,
  rolesOf,
  signIn,
  unique,
} from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, asOperator, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
let administratorRole: string;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  administratorRole = (await server.call("GET /api/v1/iam/roles?scope=Internal", { token: administrator.token })).body.items[0].id;
});

const give = (userId: string, body: unknown, token = administrator.token, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`PUT /api/v1/iam/internal/memberships/${userId}`, { token, body, headers });
const take = (userId: string, token = administrator.token, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`DELETE /api/v1/iam/internal/memberships/${userId}`, { token, headers });
const may = async (person: Person, actionType: string): Promise<AnyBody> =>
  (
    await server.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, tenantId: null, actionType },
    })
  ).body;

const internalRole = (...permissions: string[]) => newInternalRole(server, administrator, permissions);

describe("the internal scope", () => {
  it("has one system role with all internal permissions and no organization permission", async () => {
    const { body } = await server.call("GET /api/v1/iam/roles?scope=Internal", { token: administrator.token });
    const role = body.items[0];
    expect(role).toMatchObject({ name: "Administrator", scope: "Internal", organizationId: null, isSystemRole: true });
    expect(role.permissions).toContain("Authorization.Check");
    expect(role.permissions.filter((value: string) => value.startsWith("Organization"))).toEqual([]);
    expect((await may(administrator, "User.SetStatus")).isAuthorized).toBe(true);
  });

  it("accepts a user with a role, other roles and a removal, and checks change immediately", async () => {
    const person = await newPerson(server);
    const support = await internalRole("User.Read");
    expect(await may(person, "User.Read")).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    const joined = await give(person.id, { roleId: support });
    expectWritten(joined, 200);
    expect(joined.body).toMatchObject({ userId: person.id, organizationId: null, roleId: support, version: 1 });
    expect(joined.headers["etag"]).toBe('"1"');
    expect((await may(person, "User.Read")).isAuthorized).toBe(true);
    expect((await server.call("GET /api/v1/users", { token: person.token })).status).toBe(200);
    const other = await internalRole("Tenant.Read");
    expect((await give(person.id.toUpperCase(), { roleIds: [other] })).body).toMatchObject({
      id: joined.body.id,
      version: 2,
      userId: person.id,
    });
    expect((await may(person, "User.Read")).isAuthorized).toBe(false);
    expectError(
      await withoutTrace(server, () => give(person.id, { roleId: support }, administrator.token, { "if-match": '"1"' })),
      412,
      "common.version_conflict",
    );
    const listed = await server.call("GET /api/v1/iam/internal/memberships", { token: administrator.token });
    expectRead(listed);
    expect(listed.body.items.map((one: AnyBody) => one.user.email)).toContain(person.email);
    expectError(
      await withoutTrace(server, () => take(person.id, administrator.token, { "if-match": '"1"' })),
      412,
      "common.version_conflict",
    );
    expectWritten(await take(person.id.toUpperCase()), 204);
    expect(await may(person, "Tenant.Read")).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    expectError(await withoutTrace(server, () => take(person.id)), 404, "tenancy.membership_not_found");
  });

  it("refuses an unknown user, roles of an organization, and a missing role", async () => {
    const person = await newPerson(server);
    const organization = await newOrganization(server);
    const roles = await rolesOf(server, organization);
    const attempt = (userId: string, body: unknown) => withoutTrace(server, () => give(userId, body));
    expectError(await attempt("0198c0de-0000-7000-8000-000000000000", { roleId: administratorRole }), 404, "tenancy.user_not_found");
    expectError(await attempt(person.id, { roleId: roles["Member"] }), 404, "tenancy.role_not_found");
    expectError(await attempt(person.id, {}), 400, "common.validation_failed", "roleId");
    expectError(await attempt("me", { roleId: administratorRole }), 400, "common.validation_failed", "userId");
  });

  it("is closed to other users, and to an administrator's session for an organization", async () => {
    const organization = await newOrganization(server, administrator);
    const scoped = await signIn(server, administrator.email, organization.id);
    const person = await newPerson(server);
    for (const token of [person.token, scoped]) {
      expectError(await withoutTrace(server, () => give(person.id, { roleId: administratorRole }, token)), 403, "auth.permission_denied");
      expectError(await withoutTrace(server, () => take(administrator.id, token)), 403, "auth.permission_denied");
      expectError(await server.call("GET /api/v1/iam/internal/memberships", { token }), 403, "auth.permission_denied");
      expectError(await server.call("GET /api/v1/iam/roles?scope=Internal", { token }), 403, "auth.permission_denied");
    }
  });

  it("refuses to assign or remove roles with permissions that the caller does not hold", async () => {
    const manager = await newPerson(server);
    await give(manager.id, { roleId: await internalRole("InternalMember.Manage") });
    const other = await newPerson(server);
    const attempt = (work: () => Promise<Answer<AnyBody>>) => withoutTrace(server, work);
    expectError(await attempt(() => give(manager.id, { roleId: administratorRole }, manager.token)), 403, "access.permission_not_held");
    expectError(await attempt(() => give(other.id, { roleId: administratorRole }, manager.token)), 403, "access.permission_not_held");
    expectError(await attempt(() => take(administrator.id, manager.token)), 403, "access.permission_not_held");
    const same = await internalRole("InternalMember.Manage");
    expectWritten(await give(other.id, { roleId: same }, manager.token), 200);
  });
});

describe("the first and the last administrator", () => {
  it("are protected: the set-up link works once, and the last administrator cannot be removed", async () => {
    const own = await startTestServer();
    try {
      const older = (await asOperator(own, "authentication.openSetUp", {})).token as string;
      const { token } = await asOperator(own, "authentication.openSetUp", {});
      expect(token).toMatch(/^[\w-]{43}$/);
      const email = `first-${unique()}@example.com`;
      const body = { token, email, password, firstName: "The", lastName: "First" };
      const setUp = (overrides = {}) => own.call("POST /api/v1/iam/setup", { body: { ...body, ...overrides }, from: anAddress() });
      expectError(await withoutTrace(own, () => setUp({ token: "x".repeat(43) })), 403, "tenancy.set_up_token_invalid");
      expectError(await withoutTrace(own, () => setUp({ token: older })), 403, "tenancy.set_up_token_invalid");
      expectError(await withoutTrace(own, () => setUp({ password: "password1" })), 400, "common.validation_failed", "password");
      expectError(await withoutTrace(own, () => setUp({ locale: "vi_VN" })), 400, "common.validation_failed", "locale");
      const taken = await newPerson(own);
      expectError(await withoutTrace(own, () => setUp({ email: taken.email })), 409, "identity.email_taken");

      const from = anAddress();
      const once = () => own.call("POST /api/v1/iam/setup", { body, from, headers: { "idempotency-key": "first" } });
      const done = await once();
      expectWritten(done, 201);
      expect(done.body).toMatchObject({ email, status: "Active" });
      expect((await once()).body).toEqual(done.body);
      expectError(await withoutTrace(own, () => setUp({ email: "second@example.com" })), 409, "tenancy.set_up_done");
      expect(await asOperator(own, "authentication.openSetUp", {})).toEqual({ token: null });

      const session = await signIn(own, email);
      const role = (await own.call("GET /api/v1/iam/roles?scope=Internal", { token: session })).body.items[0].id;
      const remove = (id: string) => own.call(`DELETE /api/v1/iam/internal/memberships/${id}`, { token: session });
      for (const id of [done.body.id, done.body.id.toUpperCase()]) {
        expectError(await withoutTrace(own, () => remove(id)), 409, "tenancy.last_administrator", "userId");
        const other = await own.call("POST /api/v1/iam/roles", { token: session, body: { name: `Less ${unique()}`, scope: "Internal" } });
        const change = () => own.call(`PUT /api/v1/iam/internal/memberships/${id}`, { token: session, body: { roleId: other.body.id } });
        expectError(await withoutTrace(own, change), 409, "tenancy.last_administrator", "userId");
      }
      await own.call(`PUT /api/v1/iam/internal/memberships/${taken.id}`, { token: session, body: { roleId: role } });
      expectWritten(await remove(done.body.id), 204);
      expectError(await own.call("GET /api/v1/users", { token: session }), 403, "auth.permission_denied");
    } finally {
      await own.close();
    }
  });

  it("of sixteen concurrent uses of the set-up link, one creates the administrator", async () => {
    const own = await startTestServer();
    try {
      const { token } = await asOperator(own, "authentication.openSetUp", {});
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          own.call("POST /api/v1/iam/setup", {
            body: { token, email: `first-${index}@example.com`, password, firstName: "The", lastName: "First" },
            from: anAddress(),
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      for (const refused of answers.filter(({ status }) => status !== 201)) expectError(refused, 409, "tenancy.set_up_done");
    } finally {
      await own.close();
    }
  });
});
