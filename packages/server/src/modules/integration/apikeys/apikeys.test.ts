import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newAdministrator, signIn, unique, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody, CallOptions } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type ApiKeyState, apikeys } from "./index.ts";

const keys = "/api/v1/api-keys";
const world = World.ofSuite(["admin", "member", "nonMember"]);
beforeAll(() => world.define("Ward", "Ward.Read", "Ward.Close"));

const call = (route: string, token: string, body?: unknown, more: CallOptions = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route, { token, ...more, ...(body === undefined ? {} : { body }) });
const create = (token: string, fields: object = {}, organizationId: string | null = world.organization.id) =>
  call(`POST ${keys}`, token, { organizationId, name: `Key ${unique()}`, scopes: ["Organization.ReadMembers"], ...fields });
async function newKey(token: string, fields: object = {}, organizationId: string | null = world.organization.id): Promise<AnyBody> {
  const answer = await create(token, fields, organizationId);
  expectWritten(answer, 201);
  return answer.body;
}
const memberships = () => `GET /api/v1/iam/organizations/${world.organization.id}/memberships`;
const use = (key: string, more: CallOptions = {}) => call(memberships(), key, undefined, more);
const settled = () => world.server.application.settled();

describe("creating a key", () => {
  it("the answer to a creation has the secret, and lists have only the public part", async () => {
    const { key, ...shown } = await newKey(world.member.token, { name: "Nightly report" });
    expect(key).toMatch(/^ghk_[A-Za-z0-9]{8}_[\w-]{43}$/);
    expect(shown).toMatchObject({
      organizationId: world.organization.id,
      owner: { kind: "user", id: world.member.id },
      createdBy: { kind: "user", id: world.member.id },
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
    const listed = await call(`GET ${keys}?organizationId=${world.organization.id}&owner=me&prefix=${shown.prefix}`, world.member.token);
    expectRead(listed);
    expect(listed.body.items).toEqual([shown]);
    expect(JSON.stringify(listed.body)).not.toContain(key);
    const read = await call(`GET ${keys}/${shown.id}`, world.member.token);
    expect(read.body).toEqual(shown);
    expect(read.headers["etag"]).toBe('"1"');
  });

  it("a retry with the same Idempotency-Key receives the first answer", async () => {
    const body = { organizationId: world.organization.id, name: "Once", scopes: ["Organization.Read"] };
    const retry = () => call(`POST ${keys}`, world.member.token, body, { headers: { "idempotency-key": "one key" } });
    const first = await retry();
    expectWritten(first, 201);
    expect((await retry()).body).toEqual(first.body);
  });

  it("a scope that the caller does not hold is refused, and no key is created", async () => {
    const before = await call(`GET ${keys}?organizationId=${world.organization.id}&owner=me`, world.member.token);
    const answer = await create(world.member.token, { scopes: ["Organization.Read", "Organization.InviteMember"] });
    expectError(answer, 403, "apikeys.scope_not_held", "scopes");
    expect(answer.body.error.details).toEqual([{ field: "scopes", rule: "held", permission: "Organization.InviteMember" }]);
    const after = await call(`GET ${keys}?organizationId=${world.organization.id}&owner=me`, world.member.token);
    expect(after.body).toEqual(before.body);
  });

  it("a non-member receives the same error as for an organization that does not exist", async () => {
    expectError(await create(world.nonMember.token), 404, "tenancy.organization_not_found");
    expectError(await create(world.member.token, {}, unknownId), 404, "tenancy.organization_not_found");
    const sessionOfOrganization = await signIn(world.server, world.member.email, world.organization.id);
    expectError(await create(sessionOfOrganization, {}, unknownId), 404, "tenancy.organization_not_found");
  });

  it("a key with scopes cannot create keys of its user", async () => {
    const { key } = await newKey(world.owner.token, { scopes: ["Organization"] });
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
  ])("a key with %j is refused with 400", async (fields, field) => {
    expectError(await create(world.member.token, fields), 400, "common.validation_failed", field);
  });

  it("only internal members have keys of the internal scope", async () => {
    const { key, organizationId } = await newKey(world.administrator.token, { scopes: ["User.Read"] }, null);
    expect(organizationId).toBeNull();
    expectRead(await call("GET /api/v1/users?limit=1", key));
    expectError(await call("GET /api/v1/iam/internal/memberships", key), 403, "auth.permission_denied");
    expectError(await create(world.member.token, { scopes: ["User.Read"] }, null), 403, "apikeys.scope_not_held");
  });

  it("the quota counts active keys, not revoked ones", async () => {
    const { settings } = world.server.application.platform;
    const quotas = settings.quotas as { apiKeys: number };
    const { apiKeys } = quotas;
    quotas.apiKeys = 2;
    try {
      const person = await world.person(await world.role(["Ward.Read"]));
      const fields = { scopes: ["Ward.Read"] };
      const first = await newKey(person.token, fields);
      await newKey(person.token, fields);
      expectError(await create(person.token, fields), 409, "common.quota_exceeded", "apiKeys");
      expectRevoked(await call(`POST ${keys}/${first.id}/revoke`, person.token, {}));
      await newKey(person.token, fields);
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
  it("a key is accepted in either header, and refused with another credential", async () => {
    const { key } = await newKey(world.member.token);
    expectRead(await use(key));
    expectRead(await world.server.call(memberships(), { headers: { "x-api-key": key } }));
    const both = await world.server.call(memberships(), { headers: { "x-api-key": key, authorization: `Bearer ${world.member.token}` } });
    expectError(both, 401, "auth.credential_invalid");
  });

  it("an unknown, malformed, expired or revoked key is refused with 401", async () => {
    const { key, id } = await newKey(world.member.token);
    const other = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A");
    for (const refused of [other, key.slice(0, 12), `${key}x`, `ghk_${"a".repeat(8)}_${"b".repeat(43)}`])
      expectError(await use(refused), 401, "auth.credential_invalid");
    expectRead(await use(key));
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, world.member.token, {}));
    expectError(await use(key), 401, "auth.credential_invalid");
    const expiring = await newKey(world.member.token, {
      expiresAt: new Date(world.server.clock.now() + 3_600_000).toISOString(),
    });
    expectRead(await use(expiring.key));
    world.server.clock.advance(3_600);
    expectError(await use(expiring.key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${expiring.id}`, world.member.token)).body.status).toBe("expired");
  });

  it("a key has the permissions that both its scopes and its owner have, on every surface", async () => {
    const nurse = await world.person(await world.role(["Ward.Read", "Ward.Close", "Organization.ManageRoles"]));
    const { key } = await newKey(nurse.token, { scopes: ["Ward.Read", "Organization.ManageRoles"] });
    const about = (actionType: string) => ({ userId: nurse.id, tenantId: world.organization.id, actionType });
    const check = async (actionType: string) => (await world.send("POST authorization/check", key, about(actionType))).body;
    expect(await check("Ward.Read")).toMatchObject({ isAuthorized: true });
    expect(await check("Ward.Close")).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    const batch = await world.send("POST authorization/check-batch", key, { checks: [about("Ward.Read"), about("Ward.Close")] });
    expect(batch.body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, false]);
    const evaluated = await call("POST /access/v1/evaluation", key, {
      subject: { type: "user", id: nurse.id, properties: { tenantId: world.organization.id } },
      action: { name: "Ward.Read" },
      resource: { type: "Ward", id: "1" },
    });
    expect(evaluated.body).toMatchObject({ decision: true });
    // Administration.
    expectWritten(
      await world.send("POST roles", key, { name: `Role ${unique()}`, scope: "Organization", organizationId: world.organization.id }),
      201,
    );
    const denied = await use(key);
    expectError(denied, 403, "auth.permission_denied");
    expect(denied.body.error.details).toEqual([{ rule: "credential_scope", permission: "Organization.ReadMembers" }]);
    expectError(await world.send("GET users/me", key), 403, "auth.permission_denied");
  });

  it("a key loses the permissions that its owner loses", async () => {
    const role = await world.role(["Ward.Read", "Organization.ReadMembers"]);
    const nurse = await world.person(role);
    const { key } = await newKey(nurse.token, { scopes: ["Organization.ReadMembers"] });
    expectRead(await use(key));
    const removed = await world.send(`DELETE roles/${role}/permissions`, world.owner.token, {
      permissions: ["Organization.ReadMembers"],
    });
    expectWritten(removed, 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(403);
    // Scopes are combined with the current permissions of the owner.
    expectWritten(
      await world.send(`POST roles/${role}/permissions`, world.owner.token, { permissions: ["Organization.ReadMembers"] }),
      200,
    );
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
  });

  it("a key of another organization is refused like a non-member", async () => {
    const { key } = await newKey(world.owner.token, { scopes: ["Organization.ReadMembers"] });
    const answer = await call(`GET /api/v1/iam/organizations/${unknownId}/memberships`, key);
    expectError(answer, 404, "tenancy.organization_not_found");
  });

  it("a key is refused while its owner or organization is suspended", async () => {
    const nurse = await world.person(await world.role(["Organization.ReadMembers"]));
    const { key } = await newKey(nurse.token);
    const administrator = await newAdministrator(world.server);
    const setUser = (status: string) => call(`PATCH /api/v1/users/${nurse.id}`, administrator.token, { status });
    expectRead(await use(key));
    expectWritten(await setUser("Suspended"), 200);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectWritten(await setUser("Active"), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
    const setOrganization = (status: string) => world.send(`PUT organizations/${world.organization.id}`, administrator.token, { status });
    expectWritten(await setOrganization("Suspended"), 200);
    await expect.poll(async () => (await use(key)).body.error?.code, { timeout: 10_000 }).toBe("auth.organization_suspended");
    expectWritten(await setOrganization("Active"), 200);
    await expect.poll(async () => (await use(key)).status, { timeout: 10_000 }).toBe(200);
  });

  it("a key is refused after its owner is removed, also when they become a member again", async () => {
    const nurse = await world.person(await world.role(["Organization.ReadMembers"]));
    const { key, id } = await newKey(nurse.token);
    expectRead(await use(key));
    const at = `organizations/${world.organization.id}/memberships/${await world.membershipOf(nurse)}`;
    expectWritten(await world.send(`DELETE ${at}`, world.owner.token), 204);
    expectError(await use(key), 401, "auth.credential_invalid");
    await settled();
    await joinAs(world.server, world.organization, nurse, world.roles["Member"] as string);
    expectError(await use(key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${id}`, nurse.token)).body).toMatchObject({ status: "revoked", revokedReason: "owner_removed" });
    const again = await newKey(nurse.token);
    expectRead(await use(again.key));
  });

  it("the audit log and the log have the id of the key, never its secret", async () => {
    const { key, id } = await newKey(world.owner.token, { scopes: ["Organization.ManageRoles"] });
    const role = await world.send("POST roles", key, {
      name: `Audited ${unique()}`,
      scope: "Organization",
      organizationId: world.organization.id,
    });
    expectWritten(role, 201);
    expectError(await use(`${key.slice(0, -3)}xyz`), 401, "auth.credential_invalid");
    await settled();
    const { body } = await call(`GET /api/v1/audit/logs?organizationId=${world.organization.id}&credentialId=${id}`, world.owner.token);
    expect(body.items.map(({ action }: AnyBody) => action)).toContain("Role.Created");
    expect(world.server.logged.findLast(({ operation }) => operation === "access.createRole")).toMatchObject({ apiKeyId: id });
    const texts = JSON.stringify([world.server.logged, body]);
    expect(texts).not.toContain(key.slice(12));
  });
});

describe("the networks of a key", () => {
  it("a key with networks is accepted from their addresses, also IPv4 in IPv6, and from no other", async () => {
    const { key, allowedNetworks } = await newKey(world.member.token, { allowedNetworks: ["10.20.0.0/16", "2001:DB8::/32", "192.0.2.7"] });
    expect(allowedNetworks).toEqual(["10.20.0.0/16", "2001:db8::/32", "192.0.2.7/32"]);
    for (const from of ["10.20.3.4", "::ffff:10.20.3.4", "2001:db8:1::9", "192.0.2.7"]) expectRead(await use(key, { from }));
    for (const from of ["10.21.3.4", "::ffff:10.21.3.4", "2001:db9::1", "192.0.2.8", "127.0.0.1"])
      expectError(await use(key, { from }), 403, "apikeys.address_not_allowed");
  });

  it("a call from another address is refused before its body is validated, and audited", async () => {
    const { key, id } = await newKey(world.owner.token, { scopes: ["Organization.ManageRoles"], allowedNetworks: ["10.20.0.0/16"] });
    const answer = await call("POST /api/v1/iam/roles", key, { wrong: true }, { from: "10.21.0.1" });
    expectError(answer, 403, "apikeys.address_not_allowed");
    await settled();
    const { body } = await call(
      `GET /api/v1/audit/logs?organizationId=${world.organization.id}&credentialId=${id}&result=refused`,
      world.owner.token,
    );
    expect(body.items[0]).toMatchObject({ action: "Role.Created", result: "refused", reason: "apikeys.address_not_allowed" });
  });
});

describe("the rate limits of a key", () => {
  const fields = (answer: Answer<AnyBody>) => [answer.headers["ratelimit-policy"], answer.headers["ratelimit"]];

  it("every answer has the state of the rate limits, and an exhausted one answers 429", async () => {
    const { key } = await newKey(world.member.token, { rateLimit: { requests: 2, seconds: 600 } });
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

  it("the limit of one operation does not affect the others", async () => {
    const { key } = await newKey(world.member.token, {
      scopes: ["Organization.ReadMembers", "Organization.Read"],
      rateLimit: { requests: 3, seconds: 600 },
      operationRateLimits: { "tenancy.listMemberships": { requests: 1, seconds: 600 } },
    });
    expectRead(await use(key));
    for (let again = 0; again < 3; again += 1) expectError(await use(key), 429, "common.too_many_requests");
    // Refused calls took no point of the key's own limit.
    const other = () => call(`GET /api/v1/iam/organizations/${world.organization.id}`, key);
    expect([(await other()).status, (await other()).status, (await other()).status]).toEqual([200, 200, 429]);
  });

  it("every key counts against the limit of all keys", async () => {
    const { settings } = world.server.application.platform;
    const given = settings as { apiKeysCallsPerMinute: number };
    const [one, other] = [await newKey(world.member.token), await newKey(world.owner.token)];
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

  it("rate limits are exact for 16 concurrent calls", async () => {
    const { key } = await newKey(world.member.token, { rateLimit: { requests: 5, seconds: 600 } });
    const answers = await Promise.all(Array.from({ length: 16 }, () => use(key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(11);
  });

  it("a rotation neither resets nor doubles rate limits", async () => {
    const { key, id } = await newKey(world.member.token, { rateLimit: { requests: 3, seconds: 600 } });
    expectRead(await use(key));
    const rotated = await call(`POST ${keys}/${id}/rotate`, world.member.token, {});
    expectWritten(rotated, 201);
    expectRead(await use(rotated.body.key));
    expectRead(await use(key));
    for (const each of [key, rotated.body.key]) expectError(await use(each), 429, "common.too_many_requests");
  });
});

describe("rotating a key", () => {
  it("a rotation creates a successor, and the old key is valid for the overlap", async () => {
    const { key, id, scopes } = await newKey(world.member.token, { rateLimit: { requests: 100, seconds: 60 } });
    const answer = await call(`POST ${keys}/${id}/rotate`, world.member.token, { overlapSeconds: 60 });
    expectWritten(answer, 201);
    expect(answer.body).toMatchObject({ scopes, status: "active", rateLimit: { requests: 100, seconds: 60 } });
    expect(answer.body.id).not.toBe(id);
    expect((await call(`GET ${keys}/${id}`, world.member.token)).body).toMatchObject({ successorId: answer.body.id, status: "active" });
    expectRead(await use(key));
    expectRead(await use(answer.body.key));
    world.server.clock.advance(60);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectRead(await use(answer.body.key));
  });

  it("a rotation without an overlap expires the old key immediately", async () => {
    const { key, id } = await newKey(world.member.token);
    expectRead(await use(key));
    const answer = await call(`POST ${keys}/${id}/rotate`, world.member.token, { overlapSeconds: 0 });
    expectWritten(answer, 201);
    expectError(await use(key), 401, "auth.credential_invalid");
    expectRead(await use(answer.body.key));
  });

  it("of concurrent rotations one succeeds, and an inactive key is not rotated", async () => {
    const { id } = await newKey(world.member.token);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(`POST ${keys}/${id}/rotate`, world.member.token, {})));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) expectError(answer, 409, "apikeys.already_rotated");
    const revoked = await newKey(world.member.token);
    expectRevoked(await call(`POST ${keys}/${revoked.id}/revoke`, world.member.token, {}));
    expectError(await call(`POST ${keys}/${revoked.id}/rotate`, world.member.token, {}), 409, "apikeys.key_not_active");
    expectError(await call(`POST ${keys}/${id}/rotate`, world.member.token, { overlapSeconds: 604_801 }), 400, "common.validation_failed");
  });

  it("only the user can rotate their own key, because the answer has the secret", async () => {
    const { id } = await newKey(world.owner.token, { scopes: ["Organization"] });
    expectError(await call(`POST ${keys}/${id}/rotate`, world.admin.token, {}), 403, "apikeys.not_the_owner");
    expect((await call(`GET ${keys}/${id}`, world.owner.token)).body.successorId).toBeNull();
  });
});

describe("changing and revoking a key", () => {
  it("an update changes name, networks and limits, and increments the version", async () => {
    const { id, key } = await newKey(world.member.token);
    expectRead(await use(key, { from: "10.9.9.9" }));
    const change = (body: object, headers = {}) => call(`PATCH ${keys}/${id}`, world.member.token, body, { headers });
    const changed = await change({ name: "Renamed", allowedNetworks: ["10.1.0.0/16"] });
    expectWritten(changed, 200);
    expect(changed.body).toMatchObject({ name: "Renamed", allowedNetworks: ["10.1.0.0/16"], rateLimit: null, version: 2 });
    expectError(await use(key, { from: "10.9.9.9" }), 403, "apikeys.address_not_allowed");
    expectError(await change({ name: "Late" }, { "if-match": '"1"' }), 412, "common.version_conflict");
    expectWritten(await change({ allowedNetworks: null }, { "if-match": '"2"' }), 200);
    expectRead(await use(key, { from: "10.9.9.9" }));
    expectError(await change({}), 400, "common.validation_failed");
    expectError(await change({ scopes: ["Organization"] }), 400, "common.validation_failed", "scopes");
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, world.member.token, {}));
    expectError(await change({ name: "Dead" }), 409, "apikeys.key_not_active");
  });

  it("of concurrent revocations one succeeds", async () => {
    const { id } = await newKey(world.member.token);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(`POST ${keys}/${id}/revoke`, world.member.token, {})));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) expectError(answer, 409, "apikeys.already_revoked");
  });

  it("the owner and managers of keys have access to a key; a non-member receives 404", async () => {
    const { id } = await newKey(world.owner.token, { scopes: ["Organization.Read"] });
    const routes: readonly [string, object | undefined][] = [
      [`GET ${keys}/${id}`, undefined],
      [`GET ${keys}/${id}/usage`, undefined],
      [`PATCH ${keys}/${id}`, { name: "Other" }],
      [`POST ${keys}/${id}/rotate`, {}],
      [`POST ${keys}/${id}/revoke`, {}],
    ];
    for (const [route, body] of routes) {
      expectError(await call(route, world.nonMember.token, body), 404, "apikeys.key_not_found");
      expectError(await call(route, world.member.token, body), 403, "auth.permission_denied");
      expectError(await call(route.replace(id, unknownId), world.owner.token, body), 404, "apikeys.key_not_found");
    }
    expectError(await call(`GET ${keys}?organizationId=${world.organization.id}`, world.member.token), 403, "auth.permission_denied");
    expectError(
      await call(`GET ${keys}?organizationId=${world.organization.id}`, world.nonMember.token),
      404,
      "tenancy.organization_not_found",
    );
    const unchanged = await call(`GET ${keys}/${id}`, world.admin.token);
    expectRead(unchanged);
    expect(unchanged.body).toMatchObject({ status: "active", version: 1 });
    const listed = await call(`GET ${keys}?organizationId=${world.organization.id}&ownerId=${world.owner.id}&limit=200`, world.admin.token);
    expect(listed.body.items.map(({ id: listedId }: AnyBody) => listedId)).toContain(id);
    expectRevoked(await call(`POST ${keys}/${id}/revoke`, world.admin.token, {}));
  });
});

describe("the usage of a key", () => {
  it("calls are counted by day, operation and status, with latency, and the last use is recorded", async () => {
    const person = await world.person(await world.role(["Organization.ReadMembers"]));
    const { key, id } = await newKey(person.token, { allowedNetworks: ["10.0.0.0/8"], rateLimit: { requests: 4, seconds: 600 } });
    const from = "10.1.1.1";
    for (let again = 0; again < 3; again += 1) expectRead(await use(key, { from }));
    expectError(await call("GET /api/v1/iam/users/me", key, undefined, { from }), 403, "auth.permission_denied");
    expectError(await use(key, { from }), 429, "common.too_many_requests");
    expectError(await use(key, { from: "192.0.2.1" }), 403, "apikeys.address_not_allowed");
    const { usage } = world.server.application.kernel.stateOf<ApiKeyState>(apikeys);
    await usage.flush();
    const { body } = await call(`GET ${keys}/${id}/usage`, person.token);
    const day = new Date(world.server.clock.now()).toISOString().slice(0, 10);
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
