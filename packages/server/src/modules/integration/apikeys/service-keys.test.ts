import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { unique, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const keys = "/api/v1/api-keys";
const world = World.ofSuite(["admin", "member", "nonMember"]);
let readerRole: string;
beforeAll(async () => {
  readerRole = await world.role(["Organization.ReadMembers"]);
});

const call = (route: string, token: string, body?: unknown): Promise<Answer<AnyBody>> =>
  world.server.call(route, { token, ...(body === undefined ? {} : { body }) });
const create = (token: string, fields: object) =>
  call(`POST ${keys}`, token, {
    organizationId: world.organization.id,
    name: `Key ${unique()}`,
    scopes: ["Organization.ReadMembers"],
    ...fields,
  });
const service = (): Promise<AnyBody> => newServiceAccount(world.server, world.owner.token, world.organization.id, [readerRole]);
const use = (key: string) => call(`GET /api/v1/iam/organizations/${world.organization.id}/memberships`, key);
async function serviceKey(account: AnyBody): Promise<AnyBody> {
  const answer = await create(world.admin.token, { owner: "service", serviceAccountId: account.id });
  expectWritten(answer, 201);
  return answer.body;
}

describe("a key of a service account", () => {
  it("a caller who manages keys and holds the scopes creates a key", async () => {
    const account = await service();
    const { key, owner, createdBy } = await serviceKey(account);
    expect({ owner, createdBy }).toEqual({ owner: { kind: "service", id: account.id }, createdBy: { kind: "user", id: world.admin.id } });
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const owned = { owner: "service", serviceAccountId: account.id };
    expectError(await create(world.member.token, owned), 403, "auth.permission_denied");
    expectError(await create(world.nonMember.token, owned), 404, "tenancy.organization_not_found");
    const manager = await world.person(await world.role(["Organization.ManageApiKeys"]));
    expectError(await create(manager.token, owned), 403, "apikeys.scope_not_held", "scopes");
  });

  it("an unknown account, or one of another scope, is refused", async () => {
    const absent = await create(world.admin.token, { owner: "service", serviceAccountId: unknownId });
    expectError(absent, 404, "serviceaccounts.not_found");
    const account = await service();
    const inInternalScope = { owner: "service", serviceAccountId: account.id, organizationId: null, scopes: ["User.Read"] };
    expectError(await create(world.administrator.token, inInternalScope), 404, "serviceaccounts.not_found");
    expectError(await create(world.admin.token, { owner: "service" }), 400, "common.validation_failed", "serviceAccountId");
    expectError(await create(world.member.token, { serviceAccountId: account.id }), 400, "common.validation_failed", "serviceAccountId");
  });

  it("a key has the permissions that both its scopes and the roles of the account give", async () => {
    const account = await service();
    const scopes = ["Organization.ReadMembers", "Organization.ManageRoles"];
    const answer = await create(world.admin.token, { owner: "service", serviceAccountId: account.id, scopes });
    expectWritten(answer, 201);
    const { key } = answer.body;
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    // A scope that the roles of the account do not give.
    const role = { name: `Role ${unique()}`, scope: "Organization", organizationId: world.organization.id };
    expectError(await call("POST /api/v1/iam/roles", key, role), 403, "auth.permission_denied");
    // A service is not a user.
    const own = await create(key, {});
    expectError(own, 403, "auth.permission_denied");
    expect(own.body.error.details).toEqual([{ rule: "principal", principal: "user" }]);
  });

  it("a key checks its own account, also in batches and over AuthZEN, and is verified like a key of a user", async () => {
    const account = await service();
    const { key } = await serviceKey(account);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const tenantId = world.organization.id;
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
    const verified = (permission: string) => call(`POST ${keys}/verify`, world.admin.token, { organizationId: tenantId, key, permission });
    expect((await verified("Organization.ReadMembers")).body).toMatchObject({ valid: true, apiKey: { owner: { kind: "service" } } });
    expect((await verified("Organization.Read")).body).toMatchObject({ code: "permission_denied", reasonCode: "key_scope" });
  });

  it("a key creates keys only with its own scopes", async () => {
    const role = await world.role(["Organization.ManageApiKeys", "Organization.ReadMembers", "Organization.ReadRoles"]);
    const account = await newServiceAccount(world.server, world.owner.token, world.organization.id, [role]);
    const scopes = ["Organization.ManageApiKeys", "Organization.ReadMembers"];
    const { body } = await create(world.admin.token, { owner: "service", serviceAccountId: account.id, scopes });
    const owned = { owner: "service", serviceAccountId: account.id };
    await expect.poll(async () => (await use(body.key)).status, { timeout: 10_000 }).toBe(200);
    expectError(await create(body.key, { ...owned, scopes: ["Organization.ReadRoles"] }), 403, "apikeys.scope_not_held");
    const created = await create(body.key, owned);
    expectWritten(created, 201);
    expect(created.body.createdBy).toEqual({ kind: "service", id: account.id });
  });

  it("a caller who holds the scopes rotates a key", async () => {
    const { id } = await serviceKey(await service());
    const manager = await world.person(await world.role(["Organization.ManageApiKeys"]));
    expectError(await call(`POST ${keys}/${id}/rotate`, manager.token, {}), 403, "apikeys.scope_not_held");
    expectWritten(await call(`POST ${keys}/${id}/rotate`, world.owner.token, {}), 201);
  });

  it("a key is refused while the account is suspended, and permanently after its deletion", async () => {
    const account = await service();
    const { key, id } = await serviceKey(account);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const at = `/api/v1/service-accounts/${account.id}`;
    expectWritten(await call(`PATCH ${at}`, world.owner.token, { status: "Suspended" }), 200);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectWritten(await call(`PATCH ${at}`, world.owner.token, { status: "Active" }), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    expectWritten(await call(`DELETE ${at}`, world.owner.token), 204);
    expectError(await use(key), 401, "auth.credential_invalid");
    await world.server.application.settled();
    expect((await call(`GET ${keys}/${id}`, world.admin.token)).body).toMatchObject({ status: "revoked", revokedReason: "owner_removed" });
  });
});

describe("a key of an organization", () => {
  const owned = () => ({ owner: "organization", roleIds: [readerRole] });

  it("a service account is created with the key", async () => {
    const name = `Report ${unique()}`;
    const answer = await create(world.admin.token, { ...owned(), name });
    expectWritten(answer, 201);
    const { key, owner } = answer.body;
    const account = await call(`GET /api/v1/service-accounts/${owner.id}`, world.admin.token);
    expect(account.body).toMatchObject({ name, status: "Active", roles: [{ id: readerRole }] });
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    expectError(await create(world.admin.token, { ...owned(), name }), 409, "serviceaccounts.name_taken", "name");
  });

  it("the caller needs both permissions, the permissions of the roles, and roles of the organization", async () => {
    const manager = await world.person(await world.role(["Organization.ManageApiKeys", "Organization.ReadMembers"]));
    const denied = await create(manager.token, owned());
    expectError(denied, 403, "auth.permission_denied");
    expect(denied.body.error.details).toEqual([{ rule: "permission", permission: "Organization.ManageServiceAccounts" }]);
    expectError(await create(world.member.token, owned()), 403, "auth.permission_denied");
    const owners = { owner: "organization", roleIds: [world.roles["Owner"]] };
    expectError(await create(world.admin.token, owners), 403, "access.permission_not_held", "roleIds");
    expectError(await create(world.admin.token, { owner: "organization", roleIds: [unknownId] }), 404, "access.role_not_found", "roleIds");
    expectError(await create(world.admin.token, { owner: "organization" }), 400, "common.validation_failed", "roleIds");
    const listed = await call(`GET /api/v1/service-accounts?organizationId=${world.organization.id}&limit=200`, world.admin.token);
    expect(listed.body.items.filter(({ createdBy }: AnyBody) => createdBy === manager.id)).toEqual([]);
  });
});
