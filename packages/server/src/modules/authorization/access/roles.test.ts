import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, type OrganizationOf, type Person, signIn, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["admin", "member", "nonMember"]);
const { server } = world;
let administrator: Person;
let organization: OrganizationOf;
let system: Readonly<Record<string, string>>;
let admin: Person;
let member: Person;
let nonMember: Person;
beforeAll(() => {
  ({ administrator, organization, roles: system, admin, member, nonMember } = world);
});

const unknownId = "0198c0de-0000-7000-8000-000000000000";
const create = (overrides: Readonly<Record<string, unknown>> = {}, token = organization.owner.token): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/roles", {
    token,
    body: { name: `Role ${unique()}`, scope: "Organization", organizationId: organization.id, ...overrides },
  });
const change = (method: "PUT" | "DELETE", id: string, token: string, body?: unknown, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`${method} /api/v1/iam/roles/${id}`, { token, headers, ...(body === undefined ? {} : { body }) });
const give = (id: string, permissions: readonly string[], token = organization.owner.token, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`POST /api/v1/iam/roles/${id}/permissions`, { token, body: { permissions }, headers });
const take = (id: string, permissions: readonly string[], token = organization.owner.token): Promise<Answer<AnyBody>> =>
  server.call(`DELETE /api/v1/iam/roles/${id}/permissions`, { token, body: { permissions } });
const list = (query: string, token: string): Promise<Answer<AnyBody>> => server.call(`GET /api/v1/iam/roles${query}`, { token });
const define = async (value: string, scope = "Organization"): Promise<string> => {
  expectWritten(await server.call("POST /api/v1/iam/permissions", { token: administrator.token, body: { value, scope } }), 201);
  return value;
};

describe("POST /api/v1/iam/roles", () => {
  it("creates a role without permissions, in an organization or in the internal scope", async () => {
    const answer = await create({ name: "Người bán hàng", description: "Sells" });
    expectWritten(answer, 201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      name: "Người bán hàng",
      description: "Sells",
      scope: "Organization",
      organizationId: organization.id,
      isSystemRole: false,
      permissions: [],
      rules: [],
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: answer.body.createdAt,
      version: 1,
    });
    expect(answer.headers["etag"]).toBe('"1"');
    const internal = await create({ scope: "Internal", organizationId: undefined }, administrator.token);
    expect(internal.body).toMatchObject({ scope: "Internal", organizationId: null });
    const scoped = await signIn(server, organization.owner.email, organization.id);
    expect((await create({ organizationId: undefined }, scoped)).body.organizationId).toBe(organization.id);
  });

  it("accepts a name once per scope", async () => {
    const name = `Once ${unique()}`;
    expect((await create({ name })).status).toBe(201);
    expectError(await withoutTrace(server, () => create({ name })), 409, "access.role_name_taken", "name");
    expectError(await withoutTrace(server, () => create({ name: "Owner" })), 409, "access.role_name_taken");
    const other = await newOrganization(server);
    expect((await create({ name, organizationId: other.id }, other.owner.token)).status).toBe(201);
    expect((await create({ name, scope: "Internal", organizationId: null }, administrator.token)).status).toBe(201);
    expectError(await create({ name, scope: "Internal", organizationId: null }, administrator.token), 409, "access.role_name_taken");
  });

  it("rejects mismatched scopes, invalid input, members and non-members", async () => {
    const attempt = (overrides: Readonly<Record<string, unknown>>, token?: string) => withoutTrace(server, () => create(overrides, token));
    expectError(await attempt({ scope: "Internal" }, administrator.token), 409, "access.scope_mismatch", "organizationId");
    expectError(await attempt({ organizationId: undefined }), 409, "access.scope_mismatch", "organizationId");
    expectError(await attempt({ scope: "Global" }), 400, "common.validation_failed", "scope");
    expectError(await attempt({ isSystemRole: true }), 400, "common.validation_failed", "isSystemRole");
    expectError(await attempt({ permissions: ["Organization"] }), 400, "common.validation_failed", "permissions");
    expectError(await attempt({ name: "" }), 400, "common.validation_failed", "name");
    expectError(await attempt({}, member.token), 403, "auth.permission_denied");
    expectError(await attempt({}, nonMember.token), 404, "access.role_not_found");
    expectError(await attempt({ organizationId: unknownId }), 404, "access.role_not_found");
    expectError(await attempt({ scope: "Internal", organizationId: null }), 403, "auth.permission_denied");
  });
});

describe("PUT and DELETE /api/v1/iam/roles/{id}", () => {
  it("rename and delete a role; a stale If-Match is rejected with 412", async () => {
    const { id } = (await create()).body;
    const renamed = await change("PUT", id, admin.token, { name: `Renamed ${unique()}`, description: "New" });
    expectWritten(renamed, 200);
    expect(renamed.body).toMatchObject({ id, description: "New", version: 2 });
    expect((await change("PUT", id, admin.token, { description: null })).body).toMatchObject({
      name: renamed.body.name,
      description: null,
    });
    expectError(
      await withoutTrace(server, () => change("PUT", id, admin.token, { description: "Old" }, { "if-match": '"2"' })),
      412,
      "common.version_conflict",
    );
    expectError(
      await withoutTrace(server, () => change("DELETE", id, admin.token, undefined, { "if-match": '"2"' })),
      412,
      "common.version_conflict",
    );
    expectWritten(await change("DELETE", id, admin.token, undefined, { "if-match": '"3"' }), 204);
    expectError(await change("DELETE", id, admin.token), 404, "access.role_not_found");
    expectError(await change("PUT", id, admin.token, { description: "Gone" }), 404, "access.role_not_found");
  });

  it("reject system roles in every scope", async () => {
    const internal = (await list("?scope=Internal", administrator.token)).body.items.find(({ isSystemRole }: AnyBody) => isSystemRole);
    for (const [id, token] of [
      [system["Member"] as string, organization.owner.token],
      [internal.id, administrator.token],
    ] as const) {
      expectError(await withoutTrace(server, () => change("PUT", id, token, { name: "Ours" })), 409, "access.system_role");
      expectError(await withoutTrace(server, () => change("DELETE", id, token)), 409, "access.system_role");
      const value = id === internal.id ? "User.Read" : "Organization.Read";
      expectError(await withoutTrace(server, () => give(id, [value], token)), 409, "access.system_role");
      expectError(await withoutTrace(server, () => take(id, [value], token)), 409, "access.system_role");
    }
  });

  it("reject the deletion of an assigned role", async () => {
    const { id } = (await create()).body;
    const person = await newPerson(server);
    const membership = await joinAs(server, organization, person, id);
    expectError(await withoutTrace(server, () => change("DELETE", id, admin.token)), 409, "access.role_in_use");
    await server.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${membership.id}`, { token: admin.token });
    expectWritten(await change("DELETE", id, admin.token), 204);
  });

  it("are refused to members with 403, and to non-members with 404 like an unknown role", async () => {
    const { id } = (await create()).body;
    for (const method of ["PUT", "DELETE"] as const) {
      const body = method === "PUT" ? { name: "Mine" } : undefined;
      expectError(await withoutTrace(server, () => change(method, id, member.token, body)), 403, "auth.permission_denied");
      const refused = await withoutTrace(server, () => change(method, id, nonMember.token, body));
      const unknown = await withoutTrace(server, () => change(method, unknownId, nonMember.token, body));
      expectError(refused, 404, "access.role_not_found");
      expect({ ...refused.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    }
    expectError(await server.call(`GET /api/v1/iam/roles/${id}`, { token: nonMember.token }), 404, "access.role_not_found");
    expectRead(await server.call(`GET /api/v1/iam/roles/${id}`, { token: member.token }));
    const taken = (await create()).body.name;
    expectError(await change("PUT", id, admin.token, { name: taken }), 409, "access.role_name_taken", "name");
  });
});

describe("GET /api/v1/iam/roles", () => {
  it("lists a scope's roles, system roles first and then by name, page by page", async () => {
    const own = await newOrganization(server);
    for (const name of ["Charlie", "alpha", "Bravo"]) await create({ name, organizationId: own.id }, own.owner.token);
    const names: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Answer<AnyBody> = await list(`?organizationId=${own.id}&limit=2${cursor && `&cursor=${cursor}`}`, own.owner.token);
      expectRead(page);
      names.push(...page.body.items.map(({ name }: AnyBody) => name));
      cursor = page.body.nextCursor;
    }
    expect(names.slice(0, 3)).toEqual(["Admin", "Member", "Owner"]);
    expect(names.slice(3).toSorted()).toEqual(["Bravo", "Charlie", "alpha"]);
    const scoped = await signIn(server, own.owner.email, own.id);
    expect((await list("", scoped)).body.items).toHaveLength(6);
  });

  it("is refused to non-members, and rejects another list's cursor and mismatched scopes", async () => {
    const query = `?organizationId=${organization.id}`;
    expectRead(await list(query, member.token));
    expectError(await list(query, nonMember.token), 404, "access.role_not_found");
    expectError(await list("", nonMember.token), 403, "auth.permission_denied");
    expectError(await list("?scope=Internal", organization.owner.token), 403, "auth.permission_denied");
    expectError(await list(`?scope=Internal&organizationId=${organization.id}`, administrator.token), 409, "access.scope_mismatch");
    const theirs = (await list(`${query}&limit=1`, admin.token)).body.nextCursor;
    const own = await newOrganization(server);
    expectError(await list(`?organizationId=${own.id}&cursor=${theirs}`, own.owner.token), 400, "common.validation_failed", "cursor");
  });

  it("returns the permissions of system roles: Owner all, Admin all but managing owners, Member reading", async () => {
    const value = await define(`R${unique()}`);
    const { items } = (await list(`?organizationId=${organization.id}`, member.token)).body;
    const of = (name: string): string[] => items.find((role: AnyBody) => role.name === name).permissions;
    expect(of("Owner")).toEqual(expect.arrayContaining([value, "Organization", "Organization.ManageOwners"]));
    expect(of("Admin")).toContain(value);
    expect(of("Admin")).not.toContain("Organization");
    expect(of("Admin")).not.toContain("Organization.ManageOwners");
    expect(of("Member").toSorted()).toEqual(["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"]);
  });
});

describe("POST and DELETE /api/v1/iam/roles/{id}/permissions", () => {
  it("add and remove permissions; one that is already present or absent is no error", async () => {
    const [one, other] = [await define(`A${unique()}`), await define(`B${unique()}`)];
    const { id } = (await create()).body;
    const given = await give(id, [other, one]);
    expectWritten(given, 200);
    expect(given.body).toMatchObject({ id, permissions: [one, other], version: 2 });
    expect(given.headers["etag"]).toBe('"2"');
    expect((await give(id, [one])).body.permissions).toEqual([one, other]);
    const taken = await take(id, [one]);
    expectWritten(taken, 200);
    expect(taken.body.permissions).toEqual([other]);
    expect((await take(id, [one])).body.permissions).toEqual([other]);
    expect((await server.call(`GET /api/v1/iam/roles/${id}`, { token: member.token })).body.permissions).toEqual([other]);
    expectError(
      await withoutTrace(server, () => give(id, [one], organization.owner.token, { "if-match": '"2"' })),
      412,
      "common.version_conflict",
    );
  });

  it("reject an unknown permission, one of the other scope, and invalid input", async () => {
    const known = await define(`K${unique()}`);
    const internal = await define(`I${unique()}`, "Internal");
    const { id } = (await create()).body;
    const unknown = `Unknown${unique()}`;
    expectError(await withoutTrace(server, () => give(id, [known, unknown])), 404, "access.permission_not_found", "permissions");
    expectError(await withoutTrace(server, () => take(id, [unknown])), 404, "access.permission_not_found", "permissions");
    const internalRole = (await create({ scope: "Internal", organizationId: null }, administrator.token)).body;
    expectError(
      await withoutTrace(server, () => give(internalRole.id, ["Organization.Read"], administrator.token)),
      403,
      "access.permission_not_held",
    );
    expectError(await withoutTrace(server, () => give(id, [internal])), 403, "access.permission_not_held");
    for (const permissions of [[], [known, known], ["not a value"], [5], "Product"] as never[]) {
      expectError(await withoutTrace(server, () => give(id, permissions)), 400, "common.validation_failed");
    }
    expect((await server.call(`GET /api/v1/iam/roles/${id}`, { token: member.token })).body.permissions).toEqual([]);
  });

  it("reject permissions that the caller does not hold, for an Admin and for a holder of an internal role", async () => {
    const { id } = (await create()).body;
    for (const value of ["Organization.ManageOwners", "Organization"]) {
      const refused = await withoutTrace(server, () => give(id, ["Organization.Read", value], admin.token));
      expectError(refused, 403, "access.permission_not_held", "permissions");
      expect(refused.body.error.details).toEqual([{ field: "permissions", rule: "held", permission: value }]);
    }
    expectWritten(await give(id, ["Organization.Update"], admin.token), 200);
    const manager = await newPerson(server);
    const role = (await create({ scope: "Internal", organizationId: null }, administrator.token)).body;
    await give(role.id, ["InternalRole.Manage", "User.Read"], administrator.token);
    await server.call(`PUT /api/v1/iam/internal/memberships/${manager.id}`, { token: administrator.token, body: { roleId: role.id } });
    expectError(await withoutTrace(server, () => give(role.id, ["User.SetStatus"], manager.token)), 403, "access.permission_not_held");
    const lesser = (await create({ scope: "Internal", organizationId: null }, manager.token)).body;
    expectWritten(await give(lesser.id, ["User.Read"], manager.token), 200);
  });

  it("are refused to members with 403 and to non-members with 404", async () => {
    const { id } = (await create()).body;
    for (const call of [give, take]) {
      expectError(await withoutTrace(server, () => call(id, ["Organization.Read"], member.token)), 403, "auth.permission_denied");
      expectError(await withoutTrace(server, () => call(id, ["Organization.Read"], nonMember.token)), 404, "access.role_not_found");
      expectError(await withoutTrace(server, () => call(id, ["Organization.Read"], administrator.token)), 404, "access.role_not_found");
    }
  });
});
