import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody, CallOptions } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import { type ApiKeyState, apikeys } from "./index.ts";

const keys = "/api/v1/api-keys";
const world = World.ofSuite(["member", "nonMember"]);
beforeAll(() => world.define("Ward", "Ward.Read", "Ward.Close"));

const call = (route: string, token: string | undefined, body?: unknown, more: CallOptions = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route, { ...(token === undefined ? {} : { token }), ...more, ...(body === undefined ? {} : { body }) });
async function newKey(token: string, fields: object = {}): Promise<AnyBody> {
  const body = { organizationId: world.organization.id, name: `Key ${unique()}`, scopes: ["Organization.ReadMembers"], ...fields };
  const answer = await call(`POST ${keys}`, token, body);
  expectWritten(answer, 201);
  return answer.body;
}
const unknownKey = () => `ghk_${"a".repeat(8)}_${"b".repeat(43)}`;

describe("verifying a key", () => {
  let verifier: string;
  beforeAll(async () => {
    verifier = (await world.person(await world.role(["Organization.VerifyApiKeys"]))).token;
  });
  const send = (key: string, fields: object = {}, token = verifier) =>
    call(`POST ${keys}/verify`, token, { organizationId: world.organization.id, key, ...fields });
  async function verify(key: string, fields: object = {}): Promise<AnyBody> {
    const answer = await send(key, fields);
    expectRead(answer);
    expect(JSON.stringify(answer.body)).not.toContain(key);
    return answer.body;
  }
  const refusal = { valid: false, apiKey: null, reasonCode: null, rateLimits: [], retryAfterSeconds: null };

  it("a verification returns the owner, the scopes and the state of the rate limits", async () => {
    const { key, id, name, owner, scopes } = await newKey(world.member.token, { rateLimit: { requests: 9, seconds: 60 } });
    expect(await verify(key)).toEqual({
      valid: true,
      code: "valid",
      apiKey: { id, name, organizationId: world.organization.id, owner, scopes, expiresAt: null },
      reasonCode: null,
      rateLimits: [
        { policy: "default", requests: 6_000, seconds: 60, remaining: 5_999, resetSeconds: expect.any(Number) },
        { policy: "key", requests: 9, seconds: 60, remaining: 8, resetSeconds: expect.any(Number) },
      ],
      retryAfterSeconds: null,
    });
  });

  it("a permission is decided as for a call of the owner with the key", async () => {
    const nurse = await world.person(await world.role(["Ward.Read", "Ward.Close"]));
    const { key } = await newKey(nurse.token, { scopes: ["Ward.Read"] });
    expect(await verify(key, { permission: "Ward.Read" })).toMatchObject({ valid: true, code: "valid", reasonCode: "role" });
    const outside = await verify(key, { permission: "Ward.Close", resourceType: "Ward", resourceId: "1" });
    expect(outside).toMatchObject({ valid: false, code: "permission_denied", reasonCode: "key_scope" });
    const lost = await world.person(await world.role(["Ward.Read"]));
    const other = await newKey(lost.token, { scopes: ["Ward.Read"] });
    const at = `PUT organizations/${world.organization.id}/memberships/${await world.membershipOf(lost)}`;
    const changed = await world.send(at, world.owner.token, { roleId: world.roles["Member"] });
    expectWritten(changed, 200);
    const minRevision = changed.headers["x-gatehouse-revision"];
    expect(await verify(other.key, { permission: "Ward.Read", minRevision })).toMatchObject({
      code: "permission_denied",
      reasonCode: "missing_permission",
    });
  });

  it("unknown keys, wrong secrets and keys of other organizations have the same answer", async () => {
    const { key } = await newKey(world.member.token);
    const wrong = `${key.slice(0, 13)}${"x".repeat(43)}`;
    const internalKey = await call(`POST ${keys}`, world.administrator.token, { name: "Internal", scopes: ["User.Read"] });
    for (const refused of [unknownKey(), wrong, "no key", `${key} `, internalKey.body.key])
      expect(await verify(refused)).toEqual({ ...refusal, code: "unknown" });
  });

  it("a caller with the secret of an inactive key receives the reason", async () => {
    const revoked = await newKey(world.member.token);
    expectWritten(await call(`POST ${keys}/${revoked.id}/revoke`, world.member.token, {}), 200);
    expect(await verify(revoked.key)).toMatchObject({ valid: false, code: "revoked", apiKey: { id: revoked.id } });
    const expiring = await newKey(world.member.token, { expiresAt: new Date(world.server.clock.now() + 60_000).toISOString() });
    expect((await verify(expiring.key)).code).toBe("valid");
    world.server.clock.advance(60);
    expect(await verify(expiring.key)).toMatchObject({ valid: false, code: "expired" });
    const nurse = await world.person(await world.role(["Ward.Read"]));
    const { key } = await newKey(nurse.token, { scopes: ["Ward.Read"] });
    expect((await verify(key)).code).toBe("valid");
    expectWritten(await call(`PATCH /api/v1/users/${nurse.id}`, world.administrator.token, { status: "Suspended" }), 200);
    expect(await verify(key)).toMatchObject({ valid: false, code: "owner_inactive" });
  });

  it("networks apply to the address in the request, and a request without one is refused", async () => {
    const { key } = await newKey(world.member.token, { allowedNetworks: ["10.0.0.0/8"] });
    expect((await verify(key, { ipAddress: "::ffff:10.1.1.1" })).code).toBe("valid");
    for (const fields of [{ ipAddress: "192.0.2.1" }, { ipAddress: "garbage" }, {}])
      expect(await verify(key, fields)).toMatchObject({ valid: false, code: "address_not_allowed" });
  });

  it("concurrent verifications count exactly against the rate limits of the key", async () => {
    const { key, id } = await newKey(world.member.token, { rateLimit: { requests: 5, seconds: 600 } });
    const answers = await Promise.all(Array.from({ length: 16 }, () => verify(key)));
    expect(answers.filter(({ code }) => code === "valid")).toHaveLength(5);
    const limited = answers.filter(({ code }) => code === "rate_limited");
    expect(limited).toHaveLength(11);
    for (const { valid, retryAfterSeconds } of limited) expect([valid, retryAfterSeconds > 0]).toEqual([false, true]);
    await world.server.application.kernel.stateOf<ApiKeyState>(apikeys).usage.flush();
    const usage = await call(`GET ${keys}/${id}/usage`, world.member.token);
    expect(usage.body.items.map(({ operation, status, calls }: AnyBody) => [operation, status, calls])).toEqual([
      ["apikeys.verifyApiKey", 200, 5],
      ["apikeys.verifyApiKey", 429, 11],
    ]);
  });

  it("a verifier needs the permission in the organization for its keys, in the internal scope for all keys", async () => {
    const { key } = await newKey(world.member.token);
    expectError(await send(key, {}, world.member.token), 403, "auth.permission_denied");
    expectError(await send(key, {}, world.nonMember.token), 404, "tenancy.organization_not_found");
    expectError(await call(`POST ${keys}/verify`, verifier, { key }), 403, "auth.permission_denied");
    expect((await call(`POST ${keys}/verify`, world.administrator.token, { key })).body).toMatchObject({ valid: true });
    expectError(await call(`POST ${keys}/verify`, undefined, { key }), 401, "auth.credential_required");
    expectError(await send(key, { permission: "No.Such" }), 400, "access.unknown_permission");
  });
});

describe("reporting a leaked key", () => {
  const report = (key: string, more: CallOptions = {}) =>
    call(`POST ${keys}/report-leaked`, undefined, { key, location: "https://example.com/paste" }, { from: anAddress(), ...more });

  it("a report without a credential revokes the key and notifies its owner", async () => {
    const { key, id, prefix, name } = await newKey(world.member.token);
    const answer = await report(key);
    expectWritten(answer, 202);
    expect(answer.body).toBe("");
    expectError(await call(`GET /api/v1/iam/organizations/${world.organization.id}/memberships`, key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${id}`, world.member.token)).body).toMatchObject({ status: "revoked", revokedReason: "leaked" });
    const mail = await world.server.mail(world.member.email, "api-key-leaked", prefix);
    expect(mail.text).toContain(name);
    expect(mail.text).not.toContain(key);
    await world.server.application.settled();
    const { body } = await call(`GET /api/v1/audit/logs?organizationId=${world.organization.id}&entityType=ApiKey`, world.owner.token);
    const entry = body.items.find(({ action }: AnyBody) => action === "ApiKey.LeakReported");
    expect(entry).toMatchObject({ severity: "Critical", result: "success" });
    expect(JSON.stringify(entry)).toContain(id);
    expect(JSON.stringify(entry)).not.toContain(key.slice(13));
  });

  it("concurrent reports revoke once", async () => {
    const person = await world.person(await world.role(["Ward.Read"]));
    const { key, id } = await newKey(person.token, { scopes: ["Ward.Read"] });
    const answers = await Promise.all(Array.from({ length: 16 }, () => report(key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(202));
    const events = await revocationsOf(id);
    expect(events).toHaveLength(1);
    expect(events[0].data).toMatchObject({ reason: "leaked" });
  });

  it("an unknown key, a wrong secret and an inactive key have the same answer, and nothing changes", async () => {
    const { key, id } = await newKey(world.member.token);
    const wrong = `${key.slice(0, 13)}${"x".repeat(43)}`;
    const known = await report(key);
    for (const other of [unknownKey(), wrong, "no key", key]) {
      const answer = await report(other);
      expect([answer.status, answer.body, Object.keys(answer.headers)]).toEqual([202, "", Object.keys(known.headers)]);
    }
    expect(await revocationsOf(id)).toHaveLength(1);
  });

  async function revocationsOf(id: string): Promise<AnyBody[]> {
    const { rows } = await sql<AnyBody>`select data from events where type = 'api_key.revoked.v1' and data->>'apiKeyId' = ${id}`.execute(
      world.server.application.platform.database.owner,
    );
    return rows;
  }
});

it("without limits, answers have no rate limit headers", async () => {
  const { settings } = world.server.application.platform;
  const given = settings as { apiKeyCallsPerMinute: number };
  const before = given.apiKeyCallsPerMinute;
  given.apiKeyCallsPerMinute = 0;
  try {
    const { key } = await newKey(world.member.token);
    const answer = await call(`GET /api/v1/iam/organizations/${world.organization.id}/memberships`, key);
    expectRead(answer);
    expect(answer.headers["ratelimit"]).toBeUndefined();
  } finally {
    given.apiKeyCallsPerMinute = before;
  }
});
