import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, rolesOf, signIn, unique } from "@gatehouse/testing/people.ts";
import { nowhere, Scene } from "@gatehouse/testing/scene.ts";
import { type Answer, type AnyBody, backend, startTestServer } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/service-accounts";
let scene: Scene;
beforeAll(async () => {
  const settings = { GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000", GATEHOUSE_QUOTA_SERVICE_ACCOUNTS: "40" };
  scene = await Scene.on(await startTestServer(settings, backend));
  await scene.define("Report", "Report.Read");
});
afterAll(() => scene.close());

const send = (route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  scene.server.call(route.replace(" ", ` ${path}`), { token, headers, ...(body === undefined ? {} : { body }) });

const create = (body: Fields = {}, token = scene.owner.token): Promise<Answer<AnyBody>> =>
  send("POST ", token, { organizationId: scene.organization.id, name: `Service ${unique()}`, roleIds: [scene.roles["Member"]], ...body });

async function created(body: Fields = {}, token = scene.owner.token): Promise<AnyBody> {
  const answer = await create(body, token);
  expectWritten(answer, 201);
  return answer.body;
}

/** What the check says of a service account, asked by the owner. */
async function decides(id: string, actionType: string, tenantId: string | null = scene.organization.id): Promise<string> {
  const token = tenantId === null ? scene.administrator.token : scene.owner.token;
  const answer = await scene.send("POST authorization/check", token, { userId: id, tenantId, actionType });
  expectRead(answer);
  return answer.body.reasonCode;
}

const internalRole = async (): Promise<string> => {
  const answer = await scene.send("POST roles", scene.administrator.token, { name: `Clerk ${unique()}`, scope: "Internal" });
  expectWritten(answer, 201);
  return answer.body.id;
};

const get = (id: string, token = scene.owner.token) => send(`GET /${id}`, token);
const update = (id: string, body: Fields, token = scene.owner.token, headers = {}) => send(`PATCH /${id}`, token, body, headers);
const remove = (id: string, token = scene.owner.token, headers = {}) => send(`DELETE /${id}`, token, undefined, headers);

describe("POST /api/v1/service-accounts", () => {
  it("makes a service account that holds its roles at once", async () => {
    const role = await scene.role(["Report.Read"]);
    const name = `Exporter ${unique()}`;
    const answer = await create({ name, description: "Exports reports", roleIds: [role, scene.roles["Member"]] });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({
      organizationId: scene.organization.id,
      name,
      description: "Exports reports",
      status: "Active",
      createdBy: scene.owner.id,
      version: 1,
    });
    expect(answer.headers["etag"]).toBe('"1"');
    expect(answer.body.roles.map(({ id }: AnyBody) => id).toSorted()).toEqual([role, scene.roles["Member"]].toSorted());
    expect(await decides(answer.body.id, "Report.Read")).toBe("role");
    expect(await decides(answer.body.id, "Organization.Update")).toBe("missing_permission");
  });

  it("makes one of the internal scope for an administrator, and for nobody else", async () => {
    const roleIds = [await internalRole()];
    const { id, organizationId } = await created({ organizationId: null, roleIds }, scene.administrator.token);
    expect(organizationId).toBeNull();
    expect(await decides(id, "User.Read", null)).toBe("missing_permission");
    await withoutTrace(scene.server, async () => {
      expectError(await create({ organizationId: null, roleIds }), 403, "auth.permission_denied");
      expectError(await create({ roleIds }, scene.administrator.token), 404, "serviceaccounts.not_found");
    });
  });

  it("refuses a non-member as for an id that does not exist, and members without the permission", async () => {
    await withoutTrace(scene.server, async () => {
      expectError(await create({}, scene.nonMember.token), 404, "serviceaccounts.not_found");
      expectError(await create({ organizationId: nowhere }), 404, "serviceaccounts.not_found");
      expectError(await create({}, scene.member.token), 403, "auth.permission_denied");
    });
  });

  it("refuses roles that give more than the caller holds", async () => {
    await withoutTrace(scene.server, async () => {
      expectError(await create({ roleIds: [scene.roles["Owner"]] }, scene.admin.token), 403, "access.permission_not_held", "roleIds");
    });
    await created({ roleIds: [scene.roles["Admin"]] }, scene.admin.token);
  });

  it("refuses roles of another scope as ones that do not exist", async () => {
    const other = await newOrganization(scene.server);
    const foreign = await rolesOf(scene.server, other);
    await withoutTrace(scene.server, async () => {
      for (const role of [foreign["Member"], nowhere]) {
        expectError(await create({ roleIds: [scene.roles["Member"], role] }), 404, "access.role_not_found", "roleIds");
      }
    });
  });

  it("refuses a name that is taken or looks like one, in its scope alone", async () => {
    const name = `Nightly ${unique()}`;
    await created({ name });
    await withoutTrace(scene.server, async () => {
      for (const taken of [name, name.toUpperCase(), name.replace("i", "\u0456")])
        expectError(await create({ name: taken }), 409, "serviceaccounts.name_taken", "name");
      expectError(await create({ name: "\u200b" }), 400, "common.validation_failed", "name");
    });
    await created({ name, organizationId: null, roleIds: [await internalRole()] }, scene.administrator.token);
  });

  it("refuses an empty or a long list of roles, and unknown fields", async () => {
    const many = Array.from({ length: 21 }, (_, index) => nowhere.slice(0, -2) + String(10 + index));
    await withoutTrace(scene.server, async () => {
      for (const body of [{ roleIds: [] }, { roleIds: many }, { status: "Suspended" }, { createdBy: nowhere }])
        expectError(await create(body), 400, "common.validation_failed");
    });
  });
});

describe("GET /api/v1/service-accounts", () => {
  it("lists those of the organization page by page, for holders of the permission", async () => {
    const reader = await scene.person(await scene.role(["Organization.ReadServiceAccounts"]));
    const ids = [(await created()).id, (await created()).id];
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const answer = await send(`GET ?organizationId=${scene.organization.id}&limit=2${cursor}`, reader.token);
      expectRead(answer);
      seen.push(...answer.body.items.map(({ id }: AnyBody) => id));
      if (answer.body.nextCursor === null) break;
      cursor = `&cursor=${answer.body.nextCursor}`;
    }
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect(new Set(seen).size).toBe(seen.length);
    expectError(await send(`GET ?organizationId=${scene.organization.id}`, scene.member.token), 403, "auth.permission_denied");
    expectError(await send(`GET ?organizationId=${scene.organization.id}`, scene.nonMember.token), 404, "serviceaccounts.not_found");
  });

  it("without an organization lists those of the scope that the session is for", async () => {
    const { id } = await created();
    const internal = await created({ organizationId: null, roleIds: [await internalRole()] }, scene.administrator.token);
    const all = await send("GET ?limit=200", scene.administrator.token);
    expectRead(all);
    expect(all.body.items.map((one: AnyBody) => one.id)).toContain(internal.id);
    expect(all.body.items.map((one: AnyBody) => one.id)).not.toContain(id);
    const own = await send("GET ?limit=200", await signIn(scene.server, scene.owner.email, scene.organization.id));
    expectRead(own);
    expect(own.body.items.map((one: AnyBody) => one.id)).toContain(id);
    expectError(await send("GET ", scene.owner.token), 403, "auth.permission_denied");
  });
});

describe("GET /api/v1/service-accounts/{id}", () => {
  it("answers holders of the permission with the roles and an ETag", async () => {
    const { id } = await created();
    const answer = await get(id);
    expectRead(answer);
    expect(answer.body).toMatchObject({ id, roles: [{ id: scene.roles["Member"], name: "Member" }] });
    expect(answer.headers["etag"]).toBe('"1"');
  });

  it("answers 404 to non-members and for unknown ids, 403 to other members", async () => {
    const { id } = await created();
    expectError(await get(id, scene.nonMember.token), 404, "serviceaccounts.not_found");
    expectError(await get(nowhere), 404, "serviceaccounts.not_found");
    expectError(await get(id, scene.member.token), 403, "auth.permission_denied");
    const internal = await created({ organizationId: null, roleIds: [await internalRole()] }, scene.administrator.token);
    expectError(await get(internal.id), 403, "auth.permission_denied");
  });
});

describe("PATCH /api/v1/service-accounts/{id}", () => {
  it("changes what is named and nothing else", async () => {
    const role = await scene.role(["Report.Read"]);
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

  it("suspends a service account at once, and lets it in again", async () => {
    const { id } = await created();
    expect(await decides(id, "Organization.Read")).toBe("role");
    expectWritten(await update(id, { status: "Suspended" }), 200);
    expect(await decides(id, "Organization.Read")).toBe("user_inactive");
    expectWritten(await update(id, { status: "Active" }), 200);
    expect(await decides(id, "Organization.Read")).toBe("role");
  });

  it("refuses to give or take what the caller does not hold", async () => {
    const above = await created({ roleIds: [scene.roles["Owner"]] });
    const { id } = await created();
    await withoutTrace(scene.server, async () => {
      const { token } = scene.admin;
      expectError(await update(id, { roleIds: [scene.roles["Owner"]] }, token), 403, "access.permission_not_held", "roleIds");
      expectError(await update(above.id, { roleIds: [scene.roles["Member"]] }, token), 403, "access.permission_not_held", "roleIds");
      expectError(await update(above.id, { status: "Suspended" }, token), 403, "access.permission_not_held", "roleIds");
    });
    expectWritten(await update(above.id, { description: "Renaming takes nothing" }, scene.admin.token), 200);
  });

  it("refuses a stale version, a name that is taken, and callers who may not", async () => {
    const taken = await created();
    const { id } = await created();
    await withoutTrace(scene.server, async () => {
      expectError(await update(id, { name: "New" }, scene.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await update(id, { name: taken.name }), 409, "serviceaccounts.name_taken", "name");
      expectError(await update(id, { roleIds: [nowhere] }), 404, "access.role_not_found", "roleIds");
      expectError(await update(id, {}), 400, "common.validation_failed");
      expectError(await update(id, { name: "New" }, scene.member.token), 403, "auth.permission_denied");
      expectError(await update(id, { name: "New" }, scene.nonMember.token), 404, "serviceaccounts.not_found");
      expectError(await update(nowhere, { name: "New" }), 404, "serviceaccounts.not_found");
    });
    expectWritten(await update(id, { name: `New ${unique()}` }, scene.owner.token, { "if-match": '"1"' }), 200);
  });
});

describe("DELETE /api/v1/service-accounts/{id}", () => {
  it("ends everything that the service account may do", async () => {
    const role = await scene.role(["Report.Read"]);
    const { id } = await created({ roleIds: [role] });
    expect(await decides(id, "Report.Read")).toBe("role");
    expectError(await scene.send(`DELETE roles/${role}`, scene.owner.token), 409, "access.role_in_use");
    expectWritten(await remove(id), 204);
    expect(await decides(id, "Report.Read")).toBe("not_a_member");
    expectError(await get(id), 404, "serviceaccounts.not_found");
    expectError(await remove(id), 404, "serviceaccounts.not_found");
    expectWritten(await scene.send(`DELETE roles/${role}`, scene.owner.token), 204);
  });

  it("refuses those who hold less than the service account, a stale version, and callers who may not", async () => {
    const { id } = await created({ roleIds: [scene.roles["Owner"]] });
    await withoutTrace(scene.server, async () => {
      expectError(await remove(id, scene.admin.token), 403, "access.permission_not_held", "roleIds");
      expectError(await remove(id, scene.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await remove(id, scene.member.token), 403, "auth.permission_denied");
      expectError(await remove(id, scene.nonMember.token), 404, "serviceaccounts.not_found");
    });
  });
});
