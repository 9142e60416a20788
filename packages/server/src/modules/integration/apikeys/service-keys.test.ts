import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { unique } from "@gatehouse/testing/people.ts";
import { nowhere, Scene } from "@gatehouse/testing/scene.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const keys = "/api/v1/api-keys";
let scene: Scene;
let readers: string;
beforeAll(async () => {
  scene = await Scene.open();
  readers = await scene.role(["Organization.ReadMembers"]);
});
afterAll(() => scene.close());

const call = (route: string, token: string, body?: unknown): Promise<Answer<AnyBody>> =>
  scene.server.call(route, { token, ...(body === undefined ? {} : { body }) });
const create = (token: string, fields: object) =>
  call(`POST ${keys}`, token, {
    organizationId: scene.organization.id,
    name: `Key ${unique()}`,
    scopes: ["Organization.ReadMembers"],
    ...fields,
  });
const service = (): Promise<AnyBody> => newServiceAccount(scene.server, scene.owner.token, scene.organization.id, [readers]);
const use = (key: string) => call(`GET /api/v1/iam/organizations/${scene.organization.id}/memberships`, key);
async function serviceKey(account: AnyBody): Promise<AnyBody> {
  const answer = await create(scene.admin.token, { owner: "service", serviceAccountId: account.id });
  expectWritten(answer, 201);
  return answer.body;
}

describe("a key of a service account", () => {
  it("is made by whoever manages keys and holds its scopes", async () => {
    const account = await service();
    const { key, owner, createdBy } = await serviceKey(account);
    expect({ owner, createdBy }).toEqual({ owner: { kind: "service", id: account.id }, createdBy: { kind: "user", id: scene.admin.id } });
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const owned = { owner: "service", serviceAccountId: account.id };
    expectError(await create(scene.member.token, owned), 403, "auth.permission_denied");
    expectError(await create(scene.nonMember.token, owned), 404, "tenancy.organization_not_found");
    const manager = await scene.person(await scene.role(["Organization.ManageApiKeys"]));
    expectError(await create(manager.token, owned), 403, "apikeys.scope_not_held", "scopes");
  });

  it("is refused for an account that is not there, or of another scope", async () => {
    const absent = await create(scene.admin.token, { owner: "service", serviceAccountId: nowhere });
    expectError(absent, 404, "serviceaccounts.not_found");
    const account = await service();
    const elsewhere = { owner: "service", serviceAccountId: account.id, organizationId: null, scopes: ["User.Read"] };
    expectError(await create(scene.administrator.token, elsewhere), 404, "serviceaccounts.not_found");
    expectError(await create(scene.admin.token, { owner: "service" }), 400, "common.validation_failed", "serviceAccountId");
    expectError(await create(scene.member.token, { serviceAccountId: account.id }), 400, "common.validation_failed", "serviceAccountId");
  });

  it("does what its scopes and the account's roles both allow", async () => {
    const account = await service();
    const scopes = ["Organization.ReadMembers", "Organization.ManageRoles"];
    const answer = await create(scene.admin.token, { owner: "service", serviceAccountId: account.id, scopes });
    expectWritten(answer, 201);
    const { key } = answer.body;
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    // A scope that the roles of the account do not give.
    const role = { name: `Role ${unique()}`, scope: "Organization", organizationId: scene.organization.id };
    expectError(await call("POST /api/v1/iam/roles", key, role), 403, "auth.permission_denied");
    // It is never a user.
    const own = await create(key, {});
    expectError(own, 403, "auth.permission_denied");
    expect(own.body.error.details).toEqual([{ rule: "principal", principal: "user" }]);
  });

  it("asks checks about its account, also in batches and over AuthZEN, and is verified like a user's", async () => {
    const account = await service();
    const { key } = await serviceKey(account);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const tenantId = scene.organization.id;
    const about = (actionType: string) => ({ userId: account.id, tenantId, actionType });
    const check = async (actionType: string) => (await call("POST /api/v1/iam/authorization/check", key, about(actionType))).body;
    expect(await check("Organization.ReadMembers")).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    expect(await check("Organization.Read")).toMatchObject({ isAuthorized: false });
    const checks = [about("Organization.ReadMembers"), about("Organization.Read")];
    const batch = await call("POST /api/v1/iam/authorization/check-batch", key, { checks });
    expect(batch.body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, false]);
    const evaluated = await call("POST /access/v1/evaluation", key, {
      subject: { type: "service", id: account.id, properties: { tenantId } },
      action: { name: "Organization.ReadMembers" },
      resource: { type: "organization", id: tenantId },
    });
    expect(evaluated.body).toMatchObject({ decision: true });
    const verified = (permission: string) => call(`POST ${keys}/verify`, scene.admin.token, { organizationId: tenantId, key, permission });
    expect((await verified("Organization.ReadMembers")).body).toMatchObject({ valid: true, apiKey: { owner: { kind: "service" } } });
    expect((await verified("Organization.Read")).body).toMatchObject({ code: "permission_denied", reasonCode: "key_scope" });
  });

  it("makes keys with its own scopes at most", async () => {
    const role = await scene.role(["Organization.ManageApiKeys", "Organization.ReadMembers", "Organization.ReadRoles"]);
    const account = await newServiceAccount(scene.server, scene.owner.token, scene.organization.id, [role]);
    const scopes = ["Organization.ManageApiKeys", "Organization.ReadMembers"];
    const { body } = await create(scene.admin.token, { owner: "service", serviceAccountId: account.id, scopes });
    const owned = { owner: "service", serviceAccountId: account.id };
    await expect.poll(async () => (await use(body.key)).status, { timeout: 10_000 }).toBe(200);
    expectError(await create(body.key, { ...owned, scopes: ["Organization.ReadRoles"] }), 403, "apikeys.scope_not_held");
    const made = await create(body.key, owned);
    expectWritten(made, 201);
    expect(made.body.createdBy).toEqual({ kind: "service", id: account.id });
  });

  it("is rotated by whoever holds its scopes", async () => {
    const { id } = await serviceKey(await service());
    const manager = await scene.person(await scene.role(["Organization.ManageApiKeys"]));
    expectError(await call(`POST ${keys}/${id}/rotate`, manager.token, {}), 403, "apikeys.scope_not_held");
    expectWritten(await call(`POST ${keys}/${id}/rotate`, scene.owner.token, {}), 201);
  });

  it("is refused while the account is suspended, and for good once it is deleted", async () => {
    const account = await service();
    const { key, id } = await serviceKey(account);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const at = `/api/v1/service-accounts/${account.id}`;
    expectWritten(await call(`PATCH ${at}`, scene.owner.token, { status: "Suspended" }), 200);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectWritten(await call(`PATCH ${at}`, scene.owner.token, { status: "Active" }), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    expectWritten(await call(`DELETE ${at}`, scene.owner.token), 204);
    expectError(await use(key), 401, "auth.credential_invalid");
    await scene.server.application.settled();
    expect((await call(`GET ${keys}/${id}`, scene.admin.token)).body).toMatchObject({ status: "revoked", revokedReason: "owner_removed" });
  });
});

describe("a key of an organization", () => {
  const owned = () => ({ owner: "organization", roleIds: [readers] });

  it("is one of a service account that is made with it", async () => {
    const name = `Report ${unique()}`;
    const answer = await create(scene.admin.token, { ...owned(), name });
    expectWritten(answer, 201);
    const { key, owner } = answer.body;
    const account = await call(`GET /api/v1/service-accounts/${owner.id}`, scene.admin.token);
    expect(account.body).toMatchObject({ name, status: "Active", roles: [{ id: readers }] });
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    expectError(await create(scene.admin.token, { ...owned(), name }), 409, "serviceaccounts.name_taken", "name");
  });

  it("takes both permissions, the roles' rights and roles of the organization", async () => {
    const manager = await scene.person(await scene.role(["Organization.ManageApiKeys", "Organization.ReadMembers"]));
    const denied = await create(manager.token, owned());
    expectError(denied, 403, "auth.permission_denied");
    expect(denied.body.error.details).toEqual([{ rule: "permission", permission: "Organization.ManageServiceAccounts" }]);
    expectError(await create(scene.member.token, owned()), 403, "auth.permission_denied");
    const owners = { owner: "organization", roleIds: [scene.roles["Owner"]] };
    expectError(await create(scene.admin.token, owners), 403, "access.permission_not_held", "roleIds");
    expectError(await create(scene.admin.token, { owner: "organization", roleIds: [nowhere] }), 404, "access.role_not_found", "roleIds");
    expectError(await create(scene.admin.token, { owner: "organization" }), 400, "common.validation_failed", "roleIds");
    const listed = await call(`GET /api/v1/service-accounts?organizationId=${scene.organization.id}&limit=200`, scene.admin.token);
    expect(listed.body.items.filter(({ createdBy }: AnyBody) => createdBy === manager.id)).toEqual([]);
  });
});
