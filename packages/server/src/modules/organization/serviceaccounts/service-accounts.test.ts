import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, rolesOf, signIn, unique, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/service-accounts";
const world = World.ofSuite(["admin", "member", "nonMember"], { GATEHOUSE_QUOTA_SERVICE_ACCOUNTS: "40" });
beforeAll(() => world.define("Report", "Report.Read"));

const send = (route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route.replace(" ", ` ${path}`), { token, headers, ...(body === undefined ? {} : { body }) });

const create = (body: Fields = {}, token = world.owner.token): Promise<Answer<AnyBody>> =>
  send("POST ", token, { organizationId: world.organization.id, name: `Service ${unique()}`, roleIds: [world.roles["Member"]], ...body });

async function created(body: Fields = {}, token = world.owner.token): Promise<AnyBody> {
  const answer = await create(body, token);
  expectWritten(answer, 201);
  return answer.body;
}

/** The reason of a decision about a service account, queried by the owner or the administrator. */
async function decides(id: string, actionType: string, tenantId: string | null = world.organization.id): Promise<string> {
  const token = tenantId === null ? world.administrator.token : world.owner.token;
  const answer = await world.send("POST authorization/check", token, { userId: id, tenantId, actionType });
  expectRead(answer);
  return answer.body.reasonCode;
}

const internalRole = async (): Promise<string> => {
  const answer = await world.send("POST roles", world.administrator.token, { name: `Clerk ${unique()}`, scope: "Internal" });
  expectWritten(answer, 201);
  return answer.body.id;
};

const get = (id: string, token = world.owner.token) => send(`GET /${id}`, token);
const update = (id: string, body: Fields, token = world.owner.token, headers = {}) => send(`PATCH /${id}`, token, body, headers);
const remove = (id: string, token = world.owner.token, headers = {}) => send(`DELETE /${id}`, token, undefined, headers);

describe("POST /api/v1/service-accounts", () => {
  it("creates a service account whose roles apply at once", async () => {
    const role = await world.role(["Report.Read"]);
    const name = `Exporter ${unique()}`;
    const answer = await create({ name, description: "Exports reports", roleIds: [role, world.roles["Member"]] });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({
      organizationId: world.organization.id,
      name,
      description: "Exports reports",
      status: "Active",
      createdBy: world.owner.id,
      version: 1,
    });
    expect(answer.headers["etag"]).toBe('"1"');
    expect(answer.body.roles.map(({ id }: AnyBody) => id).toSorted()).toEqual([role, world.roles["Member"]].toSorted());
    expect(await decides(answer.body.id, "Report.Read")).toBe("role");
    expect(await decides(answer.body.id, "Organization.Update")).toBe("missing_permission");
  });

  it("creates a service account of the internal scope for administrators only", async () => {
    const roleIds = [await internalRole()];
    const { id, organizationId } = await created({ organizationId: null, roleIds }, world.administrator.token);
    expect(organizationId).toBeNull();
    expect(await decides(id, "User.Read", null)).toBe("missing_permission");
    await withoutTrace(world.server, async () => {
      expectError(await create({ organizationId: null, roleIds }), 403, "auth.permission_denied");
      expectError(await create({ roleIds }, world.administrator.token), 404, "serviceaccounts.not_found");
    });
  });

  it("answers non-members as for an unknown organization, and refuses members without the permission", async () => {
    await withoutTrace(world.server, async () => {
      expectError(await create({}, world.nonMember.token), 404, "serviceaccounts.not_found");
      expectError(await create({ organizationId: unknownId }), 404, "serviceaccounts.not_found");
      expectError(await create({}, world.member.token), 403, "auth.permission_denied");
    });
  });

  it("refuses roles with permissions that the caller does not hold", async () => {
    await withoutTrace(world.server, async () => {
      expectError(await create({ roleIds: [world.roles["Owner"]] }, world.admin.token), 403, "access.permission_not_held", "roleIds");
    });
    await created({ roleIds: [world.roles["Admin"]] }, world.admin.token);
  });

  it("refuses roles of another scope like unknown roles", async () => {
    const other = await newOrganization(world.server);
    const foreign = await rolesOf(world.server, other);
    await withoutTrace(world.server, async () => {
      for (const role of [foreign["Member"], unknownId]) {
        expectError(await create({ roleIds: [world.roles["Member"], role] }), 404, "access.role_not_found", "roleIds");
      }
    });
  });

  it("refuses a name that looks like another of the same scope", async () => {
    const name = `Nightly ${unique()}`;
    await created({ name });
    await withoutTrace(world.server, async () => {
      for (const taken of [name, name.toUpperCase(), name.replace("i", "\u0456")])
        expectError(await create({ name: taken }), 409, "serviceaccounts.name_taken", "name");
      expectError(await create({ name: "\u200b" }), 400, "common.validation_failed", "name");
    });
    await created({ name, organizationId: null, roleIds: [await internalRole()] }, world.administrator.token);
  });

  it("refuses an empty or a long list of roles, and unknown fields", async () => {
    const many = Array.from({ length: 21 }, (_, index) => unknownId.slice(0, -2) + String(10 + index));
    await withoutTrace(world.server, async () => {
      for (const body of [{ roleIds: [] }, { roleIds: many }, { status: "Suspended" }, { createdBy: unknownId }])
        expectError(await create(body), 400, "common.validation_failed");
    });
  });
});

describe("GET /api/v1/service-accounts", () => {
  it("lists the service accounts of the organization page by page, for holders of the permission", async () => {
    const reader = await world.person(await world.role(["Organization.ReadServiceAccounts"]));
    const ids = [(await created()).id, (await created()).id];
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const answer = await send(`GET ?organizationId=${world.organization.id}&limit=2${cursor}`, reader.token);
      expectRead(answer);
      seen.push(...answer.body.items.map(({ id }: AnyBody) => id));
      if (answer.body.nextCursor === null) break;
      cursor = `&cursor=${answer.body.nextCursor}`;
    }
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect(new Set(seen).size).toBe(seen.length);
    expectError(await send(`GET ?organizationId=${world.organization.id}`, world.member.token), 403, "auth.permission_denied");
    expectError(await send(`GET ?organizationId=${world.organization.id}`, world.nonMember.token), 404, "serviceaccounts.not_found");
  });

  it("lists those of the session's scope if the request names no organization", async () => {
    const { id } = await created();
    const internal = await created({ organizationId: null, roleIds: [await internalRole()] }, world.administrator.token);
    const all = await send("GET ?limit=200", world.administrator.token);
    expectRead(all);
    expect(all.body.items.map((one: AnyBody) => one.id)).toContain(internal.id);
    expect(all.body.items.map((one: AnyBody) => one.id)).not.toContain(id);
    const own = await send("GET ?limit=200", await signIn(world.server, world.owner.email, world.organization.id));
    expectRead(own);
    expect(own.body.items.map((one: AnyBody) => one.id)).toContain(id);
    expectError(await send("GET ", world.owner.token), 403, "auth.permission_denied");
  });
});

describe("GET /api/v1/service-accounts/{id}", () => {
  it("returns a service account with its roles and an ETag to holders of the permission", async () => {
    const { id } = await created();
    const answer = await get(id);
    expectRead(answer);
    expect(answer.body).toMatchObject({ id, roles: [{ id: world.roles["Member"], name: "Member" }] });
    expect(answer.headers["etag"]).toBe('"1"');
  });

  it("answers 404 to non-members and for unknown ids, 403 to other members", async () => {
    const { id } = await created();
    expectError(await get(id, world.nonMember.token), 404, "serviceaccounts.not_found");
    expectError(await get(unknownId), 404, "serviceaccounts.not_found");
    expectError(await get(id, world.member.token), 403, "auth.permission_denied");
    const internal = await created({ organizationId: null, roleIds: [await internalRole()] }, world.administrator.token);
    expectError(await get(internal.id), 403, "auth.permission_denied");
  });
});

describe("PATCH /api/v1/service-accounts/{id}", () => {
  it("changes only the fields that the request has", async () => {
    const role = await world.role(["Report.Read"]);
    const before = await created({ description: "Before" });
    const name = `Renamed ${unique()}`;
    const renamed = await update(before.id, { name });
    expectWritten(renamed, 200);
    expect(renamed.body).toMatchObject({ name, description: "Before", status: "Active", roles: before.roles, version: 2 });
    const given = await update(before.id, { roleIds: [role], description: null });
    expectWritten(given, 200);
    expect(given.body).toMatchObject({ name, description: null, roles: [{ id: role }], version: 3 });
    expect(await decides(before.id, "Report.Read")).toBe("role");
    expect(await decides(before.id, "Organization.Read")).toBe("missing_permission");
  });

  it("suspends and reactivates a service account at once", async () => {
    const { id } = await created();
    expect(await decides(id, "Organization.Read")).toBe("role");
    expectWritten(await update(id, { status: "Suspended" }), 200);
    expect(await decides(id, "Organization.Read")).toBe("user_inactive");
    expectWritten(await update(id, { status: "Active" }), 200);
    expect(await decides(id, "Organization.Read")).toBe("role");
  });

  it("refuses to assign or remove roles with permissions that the caller does not hold", async () => {
    const above = await created({ roleIds: [world.roles["Owner"]] });
    const { id } = await created();
    await withoutTrace(world.server, async () => {
      const { token } = world.admin;
      expectError(await update(id, { roleIds: [world.roles["Owner"]] }, token), 403, "access.permission_not_held", "roleIds");
      expectError(await update(above.id, { roleIds: [world.roles["Member"]] }, token), 403, "access.permission_not_held", "roleIds");
      expectError(await update(above.id, { status: "Suspended" }, token), 403, "access.permission_not_held", "roleIds");
    });
    expectWritten(await update(above.id, { description: "Changes no permissions" }, world.admin.token), 200);
  });

  it("refuses a stale version, a taken name, and callers without the permission", async () => {
    const taken = await created();
    const { id } = await created();
    await withoutTrace(world.server, async () => {
      expectError(await update(id, { name: "New" }, world.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await update(id, { name: taken.name }), 409, "serviceaccounts.name_taken", "name");
      expectError(await update(id, { roleIds: [unknownId] }), 404, "access.role_not_found", "roleIds");
      expectError(await update(id, {}), 400, "common.validation_failed");
      expectError(await update(id, { name: "New" }, world.member.token), 403, "auth.permission_denied");
      expectError(await update(id, { name: "New" }, world.nonMember.token), 404, "serviceaccounts.not_found");
      expectError(await update(unknownId, { name: "New" }), 404, "serviceaccounts.not_found");
    });
    expectWritten(await update(id, { name: `New ${unique()}` }, world.owner.token, { "if-match": '"1"' }), 200);
  });
});

describe("DELETE /api/v1/service-accounts/{id}", () => {
  it("revokes all permissions of the service account", async () => {
    const role = await world.role(["Report.Read"]);
    const { id } = await created({ roleIds: [role] });
    expect(await decides(id, "Report.Read")).toBe("role");
    expectError(await world.send(`DELETE roles/${role}`, world.owner.token), 409, "access.role_in_use");
    expectWritten(await remove(id), 204);
    expect(await decides(id, "Report.Read")).toBe("not_a_member");
    expectError(await get(id), 404, "serviceaccounts.not_found");
    expectError(await remove(id), 404, "serviceaccounts.not_found");
    expectWritten(await world.send(`DELETE roles/${role}`, world.owner.token), 204);
  });

  it("refuses callers with fewer permissions than the service account, a stale version, and callers without the permission", async () => {
    const { id } = await created({ roleIds: [world.roles["Owner"]] });
    await withoutTrace(world.server, async () => {
      expectError(await remove(id, world.admin.token), 403, "access.permission_not_held", "roleIds");
      expectError(await remove(id, world.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await remove(id, world.member.token), 403, "auth.permission_denied");
      expectError(await remove(id, world.nonMember.token), 404, "serviceaccounts.not_found");
    });
  });
});
