import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newAdministrator, type Person, signIn, unique } from "@gatehouse/testing/people.ts";
import { nowhere, Scene } from "@gatehouse/testing/scene.ts";
import type { Answer, AnyBody, CallOptions } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiKeyState, apikeys } from "./index.ts";

const keys = "/api/v1/api-keys";
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
  await scene.define("Ward", "Ward.Read", "Ward.Close");
});
afterAll(() => scene.close());

const call = (route: string, token: string, body?: unknown, more: CallOptions = {}): Promise<Answer<AnyBody>> =>
  scene.server.call(route, { token, ...more, ...(body === undefined ? {} : { body }) });
const create = (token: string, fields: object = {}, organizationId: string | null = scene.organization.id) =>
  call(`POST ${keys}`, token, { organizationId, name: `Key ${unique()}`, scopes: ["Organization.ReadMembers"], ...fields });
async function made(token: string, fields: object = {}, organizationId: string | null = scene.organization.id): Promise<AnyBody> {
  const answer = await create(token, fields, organizationId);
  expectWritten(answer, 201);
  return answer.body;
}
const memberships = () => `GET /api/v1/iam/organizations/${scene.organization.id}/memberships`;
const use = (key: string, more: CallOptions = {}) => call(memberships(), key, undefined, more);
const cache = () => scene.server.application.settled();

describe("creating a key", () => {
  it("shows it once, and lists it by its public part", async () => {
    const { key, ...shown } = await made(scene.member.token, { name: "Nightly report" });
    expect(key).toMatch(/^ghk_[A-Za-z0-9]{8}_[\w-]{43}$/);
    expect(shown).toMatchObject({
      organizationId: scene.organization.id,
      owner: { kind: "user", id: scene.member.id },
      createdBy: { kind: "user", id: scene.member.id },
      prefix: key.slice(0, 12),
      name: "Nightly report",
      scopes: ["Organization.ReadMembers"],
      status: "active",
      allowedNetworks: null,
      rateLimit: null,
      operationRateLimits: null,
      expiresAt: null,
      lastUsedAt: null,
      version: 1,
    });
    const listed = await call(`GET ${keys}?organizationId=${scene.organization.id}&owner=me&prefix=${shown.prefix}`, scene.member.token);
    expectRead(listed);
    expect(listed.body.items).toEqual([shown]);
    expect(JSON.stringify(listed.body)).not.toContain(key);
    const read = await call(`GET ${keys}/${shown.id}`, scene.member.token);
    expect(read.body).toEqual(shown);
    expect(read.headers["etag"]).toBe('"1"');
  });

  it("gives the first answer again to a retry", async () => {
    const body = { organizationId: scene.organization.id, name: "Once", scopes: ["Organization.Read"] };
    const retry = () => call(`POST ${keys}`, scene.member.token, body, { headers: { "idempotency-key": "one key" } });
    const first = await retry();
    expectWritten(first, 201);
    expect((await retry()).body).toEqual(first.body);
  });

  it("refuses a scope that its maker does not hold, and makes no key", async () => {
    const before = await call(`GET ${keys}?organizationId=${scene.organization.id}&owner=me`, scene.member.token);
    const answer = await create(scene.member.token, { scopes: ["Organization.Read", "Organization.InviteMember"] });
    expectError(answer, 403, "apikeys.scope_not_held", "scopes");
    expect(answer.body.error.details).toEqual([{ field: "scopes", rule: "held", permission: "Organization.InviteMember" }]);
    const after = await call(`GET ${keys}?organizationId=${scene.organization.id}&owner=me`, scene.member.token);
    expect(after.body).toEqual(before.body);
  });

  it("refuses whoever does not belong to the organization as for one that does not exist", async () => {
    expectError(await create(scene.nonMember.token), 404, "tenancy.organization_not_found");
    expectError(await create(scene.member.token, {}, nowhere), 404, "tenancy.organization_not_found");
    const elsewhere = await signIn(scene.server, scene.member.email, scene.organization.id);
    expectError(await create(elsewhere, {}, nowhere), 404, "tenancy.organization_not_found");
  });

  it("refuses a key as credential: what is a user's own is not for scopes", async () => {
    const { key } = await made(scene.owner.token, { scopes: ["Organization"] });
    expectError(await create(key, { scopes: ["Organization.Read"] }), 403, "auth.permission_denied");
  });

  it.each<[object, string]>([
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["Organization.Read", "Organization.Read"] }, "scopes"],
    [{ name: " " }, "name"],
    [{ allowedNetworks: ["10.0.0.0/33"] }, "allowedNetworks.0"],
    [{ allowedNetworks: ["10.0.0.0/8", "garbage"] }, "allowedNetworks.1"],
    [{ allowedNetworks: [] }, "allowedNetworks"],
    [{ rateLimit: { requests: 0, seconds: 60 } }, "rateLimit.requests"],
    [{ operationRateLimits: { "no.operation": { requests: 1, seconds: 60 } } }, "operationRateLimits"],
    [{ expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt"],
    [{ status: "active" }, "status"],
  ])("refuses %j with 400", async (fields, field) => {
    expectError(await create(scene.member.token, fields), 400, "common.validation_failed", field);
  });

  it("of the internal scope is for its members", async () => {
    const { key, organizationId } = await made(scene.administrator.token, { scopes: ["User.Read"] }, null);
    expect(organizationId).toBeNull();
    expectRead(await call("GET /api/v1/users?limit=1", key));
    expectError(await call("GET /api/v1/iam/internal/memberships", key), 403, "auth.permission_denied");
    expectError(await create(scene.member.token, { scopes: ["User.Read"] }, null), 403, "apikeys.scope_not_held");
  });

  it("ends at the quota of active keys, and a revoked one makes room", async () => {
    const { settings } = scene.server.application.platform;
    const quotas = settings.quotas as { apiKeys: number };
    const { apiKeys } = quotas;
    quotas.apiKeys = 2;
    try {
      const person = await scene.person(await scene.role(["Ward.Read"]));
      const fields = { scopes: ["Ward.Read"] };
      const first = await made(person.token, fields);
      await made(person.token, fields);
      expectError(await create(person.token, fields), 409, "common.quota_exceeded", "apiKeys");
      expectRevoked(await call(`POST ${keys}/${first.id}/revoke`, person.token, {}));
      await made(person.token, fields);
    } finally {
      quotas.apiKeys = apiKeys;
    }
  });
});

const expectRevoked = (answer: Answer<AnyBody>): void => {
  expectWritten(answer, 200);
  expect(answer.body).toMatchObject({ status: "revoked", revokedReason: "revoked" });
};

describe("a call with a key", () => {
  it("is taken in either header, and refused with two different credentials", async () => {
    const { key } = await made(scene.member.token);
    expectRead(await use(key));
    expectRead(await scene.server.call(memberships(), { headers: { "x-api-key": key } }));
    const both = await scene.server.call(memberships(), { headers: { "x-api-key": key, authorization: `Bearer ${scene.member.token}` } });
    expectError(both, 401, "auth.credential_invalid");
  });

  it("is refused with 401 where the key is unknown, malformed, expired or revoked", async () => {
    const { key, id } = await made(scene.member.token);
    const other = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A");
    for (const refused of [other, key.slice(0, 12), `${key}x`, `ghk_${"a".repeat(8)}_${"b".repeat(43)}`])
      expectError(await use(refused), 401, "auth.credential_invalid");
    expectRead(await use(key));
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, scene.member.token, {}));
    expectError(await use(key), 401, "auth.credential_invalid");
    const expiring = await made(scene.member.token, {
      expiresAt: new Date(scene.server.clock.now() + 3_600_000).toISOString(),
    });
    expectRead(await use(expiring.key));
    scene.server.clock.advance(3_600);
    expectError(await use(expiring.key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${expiring.id}`, scene.member.token)).body.status).toBe("expired");
  });

  it("does what its scopes and its owner's rights both allow, on every surface", async () => {
    const nurse = await scene.person(await scene.role(["Ward.Read", "Ward.Close", "Organization.ManageRoles"]));
    const { key } = await made(nurse.token, { scopes: ["Ward.Read", "Organization.ManageRoles"] });
    const about = (actionType: string) => ({ userId: nurse.id, tenantId: scene.organization.id, actionType });
    const check = async (actionType: string) => (await scene.send("POST authorization/check", key, about(actionType))).body;
    expect(await check("Ward.Read")).toMatchObject({ isAuthorized: true });
    expect(await check("Ward.Close")).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    const batch = await scene.send("POST authorization/check-batch", key, { checks: [about("Ward.Read"), about("Ward.Close")] });
    expect(batch.body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, false]);
    const evaluated = await call("POST /access/v1/evaluation", key, {
      subject: { type: "user", id: nurse.id, properties: { tenantId: scene.organization.id } },
      action: { name: "Ward.Read" },
      resource: { type: "Ward", id: "1" },
    });
    expect(evaluated.body).toMatchObject({ decision: true });
    // Administration.
    expectWritten(
      await scene.send("POST roles", key, { name: `Made ${unique()}`, scope: "Organization", organizationId: scene.organization.id }),
      201,
    );
    const denied = await use(key);
    expectError(denied, 403, "auth.permission_denied");
    expect(denied.body.error.details).toEqual([{ rule: "credential_scope", permission: "Organization.ReadMembers" }]);
    expectError(await scene.send("GET users/me", key), 403, "auth.permission_denied");
  });

  it("loses what the owner loses", async () => {
    const role = await scene.role(["Ward.Read", "Organization.ReadMembers"]);
    const nurse = await scene.person(role);
    const { key } = await made(nurse.token, { scopes: ["Organization.ReadMembers"] });
    expectRead(await use(key));
    const removed = await scene.send(`DELETE roles/${role}/permissions`, scene.owner.token, {
      permissions: ["Organization.ReadMembers"],
    });
    expectWritten(removed, 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(403);
    // Given again, it is there again: scopes are met with what the owner may do now.
    expectWritten(
      await scene.send(`POST roles/${role}/permissions`, scene.owner.token, { permissions: ["Organization.ReadMembers"] }),
      200,
    );
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
  });

  it("is refused in another organization as a non-member's", async () => {
    const { key } = await made(scene.owner.token, { scopes: ["Organization.ReadMembers"] });
    const answer = await call(`GET /api/v1/iam/organizations/${nowhere}/memberships`, key);
    expectError(answer, 404, "tenancy.organization_not_found");
  });

  it("is refused while the owner or the organization is suspended", async () => {
    const nurse = await scene.person(await scene.role(["Organization.ReadMembers"]));
    const { key } = await made(nurse.token);
    const administrator = await newAdministrator(scene.server);
    const setUser = (status: string) => call(`PATCH /api/v1/users/${nurse.id}`, administrator.token, { status });
    expectRead(await use(key));
    expectWritten(await setUser("Suspended"), 200);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectWritten(await setUser("Active"), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const setOrganization = (status: string) => scene.send(`PUT organizations/${scene.organization.id}`, administrator.token, { status });
    expectWritten(await setOrganization("Suspended"), 200);
    await expect.poll(async () => (await use(key)).body.error?.code, { timeout: 10_000 }).toBe("auth.organization_suspended");
    expectWritten(await setOrganization("Active"), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
  });

  it("is refused once the owner is removed, and stays refused when they come back", async () => {
    const nurse = await scene.person(await scene.role(["Organization.ReadMembers"]));
    const { key, id } = await made(nurse.token);
    expectRead(await use(key));
    const at = `organizations/${scene.organization.id}/memberships/${await scene.membershipOf(nurse)}`;
    expectWritten(await scene.send(`DELETE ${at}`, scene.owner.token), 204);
    expectError(await use(key), 401, "auth.credential_invalid");
    await cache();
    await joinAs(scene.server, scene.organization, nurse, scene.roles["Member"] as string);
    expectError(await use(key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${id}`, nurse.token)).body).toMatchObject({ status: "revoked", revokedReason: "owner_removed" });
    const again = await made(nurse.token);
    expectRead(await use(again.key));
  });

  it("is audited and logged with the key, never with its secret", async () => {
    const { key, id } = await made(scene.owner.token, { scopes: ["Organization.ManageRoles"] });
    const role = await scene.send("POST roles", key, {
      name: `Audited ${unique()}`,
      scope: "Organization",
      organizationId: scene.organization.id,
    });
    expectWritten(role, 201);
    expectError(await use(`${key.slice(0, -3)}xyz`), 401, "auth.credential_invalid");
    await cache();
    const { body } = await call(`GET /api/v1/audit/logs?organizationId=${scene.organization.id}&credentialId=${id}`, scene.owner.token);
    expect(body.items.map(({ action }: AnyBody) => action)).toContain("Role.Created");
    expect(scene.server.logged.findLast(({ operation }) => operation === "access.createRole")).toMatchObject({ apiKeyId: id });
    const texts = JSON.stringify([scene.server.logged, body]);
    expect(texts).not.toContain(key.slice(12));
  });
});

describe("the networks of a key", () => {
  it("admit their addresses, also IPv4 in IPv6, and refuse every other with 403", async () => {
    const { key, allowedNetworks } = await made(scene.member.token, { allowedNetworks: ["10.20.0.0/16", "2001:DB8::/32", "192.0.2.7"] });
    expect(allowedNetworks).toEqual(["10.20.0.0/16", "2001:db8::/32", "192.0.2.7/32"]);
    for (const from of ["10.20.3.4", "::ffff:10.20.3.4", "2001:db8:1::9", "192.0.2.7"]) expectRead(await use(key, { from }));
    for (const from of ["10.21.3.4", "::ffff:10.21.3.4", "2001:db9::1", "192.0.2.8", "127.0.0.1"])
      expectError(await use(key, { from }), 403, "apikeys.address_not_allowed");
  });

  it("refuse a call before its body is looked at, and audit the refusal", async () => {
    const { key, id } = await made(scene.owner.token, { scopes: ["Organization.ManageRoles"], allowedNetworks: ["10.20.0.0/16"] });
    const answer = await call("POST /api/v1/iam/roles", key, { wrong: true }, { from: "10.21.0.1" });
    expectError(answer, 403, "apikeys.address_not_allowed");
    await cache();
    const { body } = await call(
      `GET /api/v1/audit/logs?organizationId=${scene.organization.id}&credentialId=${id}&result=refused`,
      scene.owner.token,
    );
    expect(body.items[0]).toMatchObject({ action: "Role.Created", result: "refused", reason: "apikeys.address_not_allowed" });
  });
});

describe("the rate limits of a key", () => {
  const fields = (answer: Answer<AnyBody>) => [answer.headers["ratelimit-policy"], answer.headers["ratelimit"]];

  it("are told on every answer, and used up with 429", async () => {
    const { key } = await made(scene.member.token, { rateLimit: { requests: 2, seconds: 600 } });
    const first = await use(key);
    expect(fields(first)).toEqual([
      '"default";q=6000;w=60, "key";q=2;w=600',
      expect.stringMatching(/^"default";r=5999;t=\d+, "key";r=1;t=600$/),
    ]);
    const refused = await call("GET /api/v1/iam/users/me", key);
    expectError(refused, 403, "auth.permission_denied");
    expect(refused.headers["ratelimit"]).toMatch(/"key";r=0;t=/);
    const limited = await use(key);
    expectError(limited, 429, "common.too_many_requests");
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    expect(limited.headers["ratelimit"]).toMatch(/"key";r=0;t=/);
  });

  it("of one operation leave the others alone", async () => {
    const { key } = await made(scene.member.token, {
      scopes: ["Organization.ReadMembers", "Organization.Read"],
      rateLimit: { requests: 3, seconds: 600 },
      operationRateLimits: { "tenancy.listMemberships": { requests: 1, seconds: 600 } },
    });
    expectRead(await use(key));
    for (let again = 0; again < 3; again += 1) expectError(await use(key), 429, "common.too_many_requests");
    // What was refused has taken nothing of the key's own limit.
    const other = () => call(`GET /api/v1/iam/organizations/${scene.organization.id}`, key);
    expect([(await other()).status, (await other()).status, (await other()).status]).toEqual([200, 200, 429]);
  });

  it("of all keys together are used up by any of them", async () => {
    const { settings } = scene.server.application.platform;
    const given = settings as { apiKeysCallsPerMinute: number };
    const [one, other] = [await made(scene.member.token), await made(scene.owner.token)];
    given.apiKeysCallsPerMinute = 2;
    try {
      const first = await use(one.key);
      expect(first.headers["ratelimit-policy"]).toBe('"global";q=2;w=60, "default";q=6000;w=60');
      expectRead(await use(other.key));
      for (const { key } of [one, other]) expectError(await use(key), 429, "common.too_many_requests");
    } finally {
      given.apiKeysCallsPerMinute = 0;
    }
  });

  it("are exact among 16 calls at the same moment", async () => {
    const { key } = await made(scene.member.token, { rateLimit: { requests: 5, seconds: 600 } });
    const answers = await Promise.all(Array.from({ length: 16 }, () => use(key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(11);
  });

  it("are not reset by a rotation, nor doubled", async () => {
    const { key, id } = await made(scene.member.token, { rateLimit: { requests: 3, seconds: 600 } });
    expectRead(await use(key));
    const rotated = await call(`POST ${keys}/${id}/rotate`, scene.member.token, {});
    expectWritten(rotated, 201);
    expectRead(await use(rotated.body.key));
    expectRead(await use(key));
    for (const each of [key, rotated.body.key]) expectError(await use(each), 429, "common.too_many_requests");
  });
});

describe("rotating a key", () => {
  it("makes a successor, and the old key is valid for the overlap", async () => {
    const { key, id, scopes } = await made(scene.member.token, { rateLimit: { requests: 100, seconds: 60 } });
    const answer = await call(`POST ${keys}/${id}/rotate`, scene.member.token, { overlapSeconds: 60 });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({ scopes, status: "active", rateLimit: { requests: 100, seconds: 60 } });
    expect(answer.body.id).not.toBe(id);
    expect((await call(`GET ${keys}/${id}`, scene.member.token)).body).toMatchObject({ successorId: answer.body.id, status: "active" });
    expectRead(await use(key));
    expectRead(await use(answer.body.key));
    scene.server.clock.advance(60);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectRead(await use(answer.body.key));
  });

  it("without an overlap ends the old key at once", async () => {
    const { key, id } = await made(scene.member.token);
    expectRead(await use(key));
    const answer = await call(`POST ${keys}/${id}/rotate`, scene.member.token, { overlapSeconds: 0 });
    expectWritten(answer, 201);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectRead(await use(answer.body.key));
  });

  it("happens once, also at the same moment, and not to a key that ended", async () => {
    const { id } = await made(scene.member.token);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(`POST ${keys}/${id}/rotate`, scene.member.token, {})));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) expectError(answer, 409, "apikeys.already_rotated");
    const revoked = await made(scene.member.token);
    expectRevoked(await call(`POST ${keys}/${revoked.id}/revoke`, scene.member.token, {}));
    expectError(await call(`POST ${keys}/${revoked.id}/rotate`, scene.member.token, {}), 409, "apikeys.key_not_active");
    expectError(await call(`POST ${keys}/${id}/rotate`, scene.member.token, { overlapSeconds: 604_801 }), 400, "common.validation_failed");
  });

  it("of a user's key is for that user alone: whoever rotates it gets its secret", async () => {
    const { id } = await made(scene.owner.token, { scopes: ["Organization"] });
    expectError(await call(`POST ${keys}/${id}/rotate`, scene.admin.token, {}), 403, "apikeys.not_the_owner");
    expect((await call(`GET ${keys}/${id}`, scene.owner.token)).body.successorId).toBeNull();
  });
});

describe("changing and revoking a key", () => {
  it("changes name, networks and limits, and the version with them", async () => {
    const { id, key } = await made(scene.member.token);
    expectRead(await use(key, { from: "10.9.9.9" }));
    const change = (body: object, headers = {}) => call(`PATCH ${keys}/${id}`, scene.member.token, body, { headers });
    const changed = await change({ name: "Renamed", allowedNetworks: ["10.1.0.0/16"] });
    expectWritten(changed, 200);
    expect(changed.body).toMatchObject({ name: "Renamed", allowedNetworks: ["10.1.0.0/16"], rateLimit: null, version: 2 });
    expectError(await use(key, { from: "10.9.9.9" }), 403, "apikeys.address_not_allowed");
    expectError(await change({ name: "Late" }, { "if-match": '"1"' }), 412, "common.version_conflict");
    expectWritten(await change({ allowedNetworks: null }, { "if-match": '"2"' }), 200);
    expectRead(await use(key, { from: "10.9.9.9" }));
    expectError(await change({}), 400, "common.validation_failed");
    expectError(await change({ scopes: ["Organization"] }), 400, "common.validation_failed", "scopes");
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, scene.member.token, {}));
    expectError(await change({ name: "Dead" }), 409, "apikeys.key_not_active");
  });

  it("revokes once, also at the same moment", async () => {
    const { id } = await made(scene.member.token);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(`POST ${keys}/${id}/revoke`, scene.member.token, {})));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) expectError(answer, 409, "apikeys.already_revoked");
  });

  it("is for the owner and for whoever manages keys; to a non-member there is no such key", async () => {
    const { id } = await made(scene.owner.token, { scopes: ["Organization.Read"] });
    const routes: readonly [string, object | undefined][] = [
      [`GET ${keys}/${id}`, undefined],
      [`GET ${keys}/${id}/usage`, undefined],
      [`PATCH ${keys}/${id}`, { name: "Other" }],
      [`POST ${keys}/${id}/rotate`, {}],
      [`POST ${keys}/${id}/revoke`, {}],
    ];
    for (const [route, body] of routes) {
      expectError(await call(route, scene.nonMember.token, body), 404, "apikeys.key_not_found");
      expectError(await call(route, scene.member.token, body), 403, "auth.permission_denied");
      expectError(await call(route.replace(id, nowhere), scene.owner.token, body), 404, "apikeys.key_not_found");
    }
    expectError(await call(`GET ${keys}?organizationId=${scene.organization.id}`, scene.member.token), 403, "auth.permission_denied");
    expectError(
      await call(`GET ${keys}?organizationId=${scene.organization.id}`, scene.nonMember.token),
      404,
      "tenancy.organization_not_found",
    );
    const unchanged = await call(`GET ${keys}/${id}`, scene.admin.token);
    expectRead(unchanged);
    expect(unchanged.body).toMatchObject({ status: "active", version: 1 });
    const listed = await call(`GET ${keys}?organizationId=${scene.organization.id}&ownerId=${scene.owner.id}&limit=200`, scene.admin.token);
    expect(listed.body.items.map((each: AnyBody) => each.id)).toContain(id);
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, scene.admin.token, {}));
  });
});

describe("the usage of a key", () => {
  it("is counted by day, operation and status, with latency, and the last use is noted", async () => {
    const person: Person = await scene.person(await scene.role(["Organization.ReadMembers"]));
    const { key, id } = await made(person.token, { allowedNetworks: ["10.0.0.0/8"], rateLimit: { requests: 4, seconds: 600 } });
    const from = "10.1.1.1";
    for (let again = 0; again < 3; again += 1) expectRead(await use(key, { from }));
    expectError(await call("GET /api/v1/iam/users/me", key, undefined, { from }), 403, "auth.permission_denied");
    expectError(await use(key, { from }), 429, "common.too_many_requests");
    expectError(await use(key, { from: "192.0.2.1" }), 403, "apikeys.address_not_allowed");
    const { usage } = scene.server.application.kernel.stateOf<ApiKeyState>(apikeys);
    await usage.flush();
    const { body } = await call(`GET ${keys}/${id}/usage`, person.token);
    const day = new Date(scene.server.clock.now()).toISOString().slice(0, 10);
    expect(body.items.map(({ latency: _, ...item }: AnyBody) => item)).toEqual([
      { day, operation: "identity.getMe", status: 403, calls: 1 },
      { day, operation: "tenancy.listMemberships", status: 200, calls: 3 },
      { day, operation: "tenancy.listMemberships", status: 403, calls: 1 },
      { day, operation: "tenancy.listMemberships", status: 429, calls: 1 },
    ]);
    const { latency } = body.items[1];
    expect(latency.histogram.map(({ upToMs }: AnyBody) => upToMs)).toEqual([5, 25, 100, 500, 2_500]);
    expect(latency.histogram.at(-1).calls).toBe(3);
    expect(latency.maxMs).toBeGreaterThanOrEqual(latency.meanMs);
    expect((await call(`GET ${keys}/${id}`, person.token)).body.lastUsedAt).not.toBeNull();

    const page = await call(`GET ${keys}/${id}/usage?limit=3`, person.token);
    expect(page.body.items).toHaveLength(3);
    const next = await call(`GET ${keys}/${id}/usage?limit=3&cursor=${page.body.nextCursor}`, person.token);
    expect(next.body).toMatchObject({ items: [body.items[3]], nextCursor: null });
    expect((await call(`GET ${keys}/${id}/usage?to=2020-01-01`, person.token)).body.items).toEqual([]);
    expect((await call(`GET ${keys}/${id}/usage?from=${day}&to=${day}`, person.token)).body.items).toHaveLength(4);
    expect((await call(`GET ${keys}/${id}/usage?from=${day}&to=2020-01-01`, person.token)).body.items).toEqual([]);
    // A second flush adds to the same rows.
    expectError(await use(key, { from: "192.0.2.1" }), 403, "apikeys.address_not_allowed");
    await usage.flush();
    expect((await call(`GET ${keys}/${id}/usage`, person.token)).body.items[2]).toMatchObject({ status: 403, calls: 2 });
  });
});
