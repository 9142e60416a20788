import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { anAddress, unique } from "@gatehouse/testing/people.ts";
import { Scene } from "@gatehouse/testing/scene.ts";
import type { Answer, AnyBody, CallOptions } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiKeyState, apikeys } from "./index.ts";

const keys = "/api/v1/api-keys";
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
  await scene.define("Ward", "Ward.Read", "Ward.Close");
});
afterAll(() => scene.close());

const call = (route: string, token: string | undefined, body?: unknown, more: CallOptions = {}): Promise<Answer<AnyBody>> =>
  scene.server.call(route, { ...(token === undefined ? {} : { token }), ...more, ...(body === undefined ? {} : { body }) });
async function made(token: string, fields: object = {}): Promise<AnyBody> {
  const body = { organizationId: scene.organization.id, name: `Key ${unique()}`, scopes: ["Organization.ReadMembers"], ...fields };
  const answer = await call(`POST ${keys}`, token, body);
  expectWritten(answer, 201);
  return answer.body;
}
const unknownKey = () => `ghk_${"a".repeat(8)}_${"b".repeat(43)}`;

describe("verifying a key", () => {
  let verifier: string;
  beforeAll(async () => {
    verifier = (await scene.person(await scene.role(["Organization.VerifyApiKeys"]))).token;
  });
  const send = (key: string, fields: object = {}, token = verifier) =>
    call(`POST ${keys}/verify`, token, { organizationId: scene.organization.id, key, ...fields });
  async function verify(key: string, fields: object = {}): Promise<AnyBody> {
    const answer = await send(key, fields);
    expectRead(answer);
    expect(JSON.stringify(answer.body)).not.toContain(key);
    return answer.body;
  }
  const refusal = { valid: false, apiKey: null, reasonCode: null, rateLimits: [], retryAfterSeconds: null };

  it("tells whose the key is, what it is limited to, and what is left of its rate limits", async () => {
    const { key, id, name, owner, scopes } = await made(scene.member.token, { rateLimit: { requests: 9, seconds: 60 } });
    expect(await verify(key)).toEqual({
      valid: true,
      code: "valid",
      apiKey: { id, name, organizationId: scene.organization.id, owner, scopes, expiresAt: null },
      reasonCode: null,
      rateLimits: [
        { policy: "default", requests: 6_000, seconds: 60, remaining: 5_999, resetSeconds: expect.any(Number) },
        { policy: "key", requests: 9, seconds: 60, remaining: 8, resetSeconds: expect.any(Number) },
      ],
      retryAfterSeconds: null,
    });
  });

  it("decides on a permission as for a call of the owner with the key", async () => {
    const nurse = await scene.person(await scene.role(["Ward.Read", "Ward.Close"]));
    const { key } = await made(nurse.token, { scopes: ["Ward.Read"] });
    expect(await verify(key, { permission: "Ward.Read" })).toMatchObject({ valid: true, code: "valid", reasonCode: "role" });
    const outside = await verify(key, { permission: "Ward.Close", resourceType: "Ward", resourceId: "1" });
    expect(outside).toMatchObject({ valid: false, code: "permission_denied", reasonCode: "key_scope" });
    const lost = await scene.person(await scene.role(["Ward.Read"]));
    const other = await made(lost.token, { scopes: ["Ward.Read"] });
    const at = `PUT organizations/${scene.organization.id}/memberships/${await scene.membershipOf(lost)}`;
    const changed = await scene.send(at, scene.owner.token, { roleId: scene.roles["Member"] });
    expectWritten(changed, 200);
    const minRevision = changed.headers["x-gatehouse-revision"];
    expect(await verify(other.key, { permission: "Ward.Read", minRevision })).toMatchObject({
      code: "permission_denied",
      reasonCode: "missing_permission",
    });
  });

  it("refuses unknown keys, wrong secrets and other organizations' keys alike", async () => {
    const { key } = await made(scene.member.token);
    const wrong = `${key.slice(0, 13)}${"x".repeat(43)}`;
    const internalKey = await call(`POST ${keys}`, scene.administrator.token, { name: "Internal", scopes: ["User.Read"] });
    for (const refused of [unknownKey(), wrong, "no key", `${key} `, internalKey.body.key])
      expect(await verify(refused)).toEqual({ ...refusal, code: "unknown" });
  });

  it("says that a key has ended to whoever has its secret", async () => {
    const revoked = await made(scene.member.token);
    expectWritten(await call(`POST ${keys}/${revoked.id}/revoke`, scene.member.token, {}), 200);
    expect(await verify(revoked.key)).toMatchObject({ valid: false, code: "revoked", apiKey: { id: revoked.id } });
    const expiring = await made(scene.member.token, { expiresAt: new Date(scene.server.clock.now() + 60_000).toISOString() });
    expect((await verify(expiring.key)).code).toBe("valid");
    scene.server.clock.advance(60);
    expect(await verify(expiring.key)).toMatchObject({ valid: false, code: "expired" });
    const nurse = await scene.person(await scene.role(["Ward.Read"]));
    const { key } = await made(nurse.token, { scopes: ["Ward.Read"] });
    expect((await verify(key)).code).toBe("valid");
    expectWritten(await call(`PATCH /api/v1/users/${nurse.id}`, scene.administrator.token, { status: "Suspended" }), 200);
    expect(await verify(key)).toMatchObject({ valid: false, code: "owner_inactive" });
  });

  it("applies networks to the address that is sent, and refuses without one", async () => {
    const { key } = await made(scene.member.token, { allowedNetworks: ["10.0.0.0/8"] });
    expect((await verify(key, { ipAddress: "::ffff:10.1.1.1" })).code).toBe("valid");
    for (const fields of [{ ipAddress: "192.0.2.1" }, { ipAddress: "garbage" }, {}])
      expect(await verify(key, fields)).toMatchObject({ valid: false, code: "address_not_allowed" });
  });

  it("counts against the rate limits of the key, exactly at the same moment", async () => {
    const { key, id } = await made(scene.member.token, { rateLimit: { requests: 5, seconds: 600 } });
    const answers = await Promise.all(Array.from({ length: 16 }, () => verify(key)));
    expect(answers.filter(({ code }) => code === "valid")).toHaveLength(5);
    const limited = answers.filter(({ code }) => code === "rate_limited");
    expect(limited).toHaveLength(11);
    for (const { valid, retryAfterSeconds } of limited) expect([valid, retryAfterSeconds > 0]).toEqual([false, true]);
    await scene.server.application.kernel.stateOf<ApiKeyState>(apikeys).usage.flush();
    const usage = await call(`GET ${keys}/${id}/usage`, scene.member.token);
    expect(usage.body.items.map(({ operation, status, calls }: AnyBody) => [operation, status, calls])).toEqual([
      ["apikeys.verifyApiKey", 200, 5],
      ["apikeys.verifyApiKey", 429, 11],
    ]);
  });

  it("takes the permission for it: in the organization for its keys, in the internal scope for all", async () => {
    const { key } = await made(scene.member.token);
    expectError(await send(key, {}, scene.member.token), 403, "auth.permission_denied");
    expectError(await send(key, {}, scene.nonMember.token), 404, "tenancy.organization_not_found");
    expectError(await call(`POST ${keys}/verify`, verifier, { key }), 403, "auth.permission_denied");
    expect((await call(`POST ${keys}/verify`, scene.administrator.token, { key })).body).toMatchObject({ valid: true });
    expectError(await call(`POST ${keys}/verify`, undefined, { key }), 401, "auth.credential_required");
    expectError(await send(key, { permission: "No.Such" }), 400, "access.unknown_permission");
  });
});

describe("reporting a leaked key", () => {
  const report = (key: string, more: CallOptions = {}) =>
    call(`POST ${keys}/report-leaked`, undefined, { key, location: "https://example.com/paste" }, { from: anAddress(), ...more });

  it("revokes it, tells its owner, and needs no credential", async () => {
    const { key, id, prefix, name } = await made(scene.member.token);
    const answer = await report(key);
    expectWritten(answer, 202);
    expect(answer.body).toBe("");
    expectError(await call(`GET /api/v1/iam/organizations/${scene.organization.id}/memberships`, key), 401, "auth.credential_invalid");
    expect((await call(`GET ${keys}/${id}`, scene.member.token)).body).toMatchObject({ status: "revoked", revokedReason: "leaked" });
    const mail = await scene.server.mail(scene.member.email, "api-key-leaked", prefix);
    expect(mail.text).toContain(name);
    expect(mail.text).not.toContain(key);
    await scene.server.application.settled();
    const { body } = await call(`GET /api/v1/audit/logs?organizationId=${scene.organization.id}&entityType=ApiKey`, scene.owner.token);
    const entry = body.items.find(({ action }: AnyBody) => action === "ApiKey.LeakReported");
    expect(entry).toMatchObject({ severity: "Critical", result: "success" });
    expect(JSON.stringify(entry)).toContain(id);
    expect(JSON.stringify(entry)).not.toContain(key.slice(13));
  });

  it("revokes and mails once for reports at the same moment", async () => {
    const person = await scene.person(await scene.role(["Ward.Read"]));
    const { key, id } = await made(person.token, { scopes: ["Ward.Read"] });
    const answers = await Promise.all(Array.from({ length: 16 }, () => report(key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(202));
    const events = await revocationsOf(id);
    expect(events).toHaveLength(1);
    expect(events[0].data).toMatchObject({ reason: "leaked" });
  });

  it("answers the same for an unknown key, a wrong secret and a key that has ended, and changes nothing", async () => {
    const { key, id } = await made(scene.member.token);
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
      scene.server.application.platform.database.owner,
    );
    return rows;
  }
});

it("a default limit of 0 is none: a key without limits has no fields about them", async () => {
  const { settings } = scene.server.application.platform;
  const given = settings as { apiKeyCallsPerMinute: number };
  const before = given.apiKeyCallsPerMinute;
  given.apiKeyCallsPerMinute = 0;
  try {
    const { key } = await made(scene.member.token);
    const answer = await call(`GET /api/v1/iam/organizations/${scene.organization.id}/memberships`, key);
    expectRead(answer);
    expect(answer.headers["ratelimit"]).toBeUndefined();
  } finally {
    given.apiKeyCallsPerMinute = before;
  }
});
