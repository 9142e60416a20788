import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import { newOrganization, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/clients";
const world = World.ofSuite(["member", "nonMember"]);

const send = (route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route.replace(" ", ` ${path}`), { token, headers, ...(body === undefined ? {} : { body }) });
async function created(fields: Fields = {}): Promise<AnyBody> {
  const answer = await send("POST ", world.owner.token, clientFields({ organizationId: world.organization.id, ...fields }));
  expectWritten(answer, 201);
  return answer.body;
}
const rotate = (id: string, body: Fields = {}, token = world.owner.token, headers = {}) =>
  send(`POST /${id}/secrets`, token, body, headers);
async function rotated(id: string, body: Fields = {}): Promise<AnyBody> {
  const answer = await rotate(id, body);
  expectWritten(answer, 201);
  return answer.body;
}
const remove = (id: string, secretId: string, token = world.owner.token, headers = {}) =>
  send(`DELETE /${id}/secrets/${secretId}`, token, undefined, headers);
const get = async (id: string): Promise<AnyBody> => (await send(`GET /${id}`, world.owner.token)).body;

const key = { kty: "OKP", crv: "Ed25519", kid: "1", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const daySeconds = 86_400;
/** The seconds from now until a time. */
const secondsUntil = (time: string): number => (Date.parse(time) - Date.now()) / 1_000;

describe("POST /api/v1/clients/{id}/secrets", () => {
  it("adds a secret, and lets the earlier one expire after a day", async () => {
    const client = await created();
    const answer = await rotate(client.id);
    expectWritten(answer, 201);
    const { clientSecret, secrets } = answer.body;
    expect(answer.body).toMatchObject({ id: client.id, version: 2 });
    expect(answer.headers["etag"]).toBe('"2"');
    expect(clientSecret).not.toBe(client.clientSecret);
    expect(secrets).toMatchObject([{ id: client.secrets[0].id }, { prefix: clientSecret.slice(0, 10), expiresAt: null }]);
    expect(Math.abs(secondsUntil(secrets[0].expiresAt) - daySeconds)).toBeLessThan(60);
    expect((await get(client.id)).secrets).toEqual(secrets);
  });

  it("ends the earlier secrets at once without an overlap", async () => {
    const { id } = await created();
    await rotated(id);
    const { secrets, clientSecret } = await rotated(id, { overlapSeconds: 0 });
    expect(secrets).toMatchObject([{ prefix: clientSecret.slice(0, 10) }]);
  });

  it("never lets an earlier secret live longer than it already would", async () => {
    const { id } = await created();
    const first = await rotated(id, { overlapSeconds: 60 });
    const second = await rotated(id, { overlapSeconds: 7 * daySeconds });
    expect(second.secrets[0].expiresAt).toBe(first.secrets[0].expiresAt);
  });

  it("leaves at most three valid secrets", async () => {
    const { id } = await created();
    await rotated(id);
    const { secrets } = await rotated(id);
    expect(secrets).toHaveLength(3);
    await withoutTrace(world.server, async () => {
      expectError(await rotate(id), 409, "openid.too_many_secrets");
    });
    expectWritten(await remove(id, secrets[0].id), 204);
    expect((await rotated(id)).secrets).toHaveLength(3);
    expect((await rotated(id, { overlapSeconds: 0 })).secrets).toHaveLength(1);
  });

  it("stores only a hash of the secret, and returns it once", async () => {
    const { id, clientSecret } = await created();
    const next = await rotated(id);
    const { database } = world.server.application.platform;
    const stored = await database.transact(everyTenant, (tx) =>
      sql<{ text: string }>`select to_jsonb(t)::text as text from oauth_client_secrets t
        union all select to_jsonb(t)::text from oauth_clients t union all select to_jsonb(t)::text from events t
        union all select to_jsonb(t)::text from audit_entries t`.execute(tx),
    );
    const text = stored.rows.map((row) => row.text).join("\n");
    expect(text).toContain(id);
    for (const secret of [clientSecret, next.clientSecret]) expect(text).not.toContain(secret.slice(12));
  });

  it("refuses a client that authenticates without a secret", async () => {
    const clients = [
      await created({ kind: "public" }),
      await created({ tokenEndpointAuthMethod: "private_key_jwt", jwks: { keys: [key] } }),
    ];
    await withoutTrace(world.server, async () => {
      for (const { id } of clients) expectError(await rotate(id), 409, "openid.client_uses_no_secret");
    });
  });

  it("refuses an overlap outside of 0 to 7 days, a stale version, and callers without the permission", async () => {
    const { id } = await created();
    await withoutTrace(world.server, async () => {
      for (const overlapSeconds of [-1, 7 * daySeconds + 1, 1.5, "60"])
        expectError(await rotate(id, { overlapSeconds }), 400, "common.validation_failed", "overlapSeconds");
      expectError(await rotate(id, { expiresAt: null }), 400, "common.validation_failed", "expiresAt");
      expectError(await rotate(id, {}, world.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await rotate(id, {}, world.member.token), 403, "auth.permission_denied");
      expectError(await rotate(id, {}, world.nonMember.token), 404, "openid.client_not_found");
      expectError(await rotate(unknownId), 404, "openid.client_not_found");
    });
  });

  it("gives the answer with the secret again to a retry with the same Idempotency-Key", async () => {
    const { id } = await created();
    const headers = { "idempotency-key": `rotate-${id}` };
    const first = await rotate(id, {}, world.owner.token, headers);
    const again = await rotate(id, {}, world.owner.token, headers);
    expect(again.body).toEqual(first.body);
    expect((await get(id)).secrets).toHaveLength(2);
  });
});

describe("DELETE /api/v1/clients/{id}/secrets/{secretId}", () => {
  it("deletes one secret, and the last one too", async () => {
    const { id, secrets: before } = await created();
    const { secrets } = await rotated(id);
    expectWritten(await remove(id, before[0].id), 204);
    expect(await get(id)).toMatchObject({ secrets: [{ id: secrets[1].id }], version: 3 });
    expectError(await remove(id, before[0].id), 404, "openid.client_secret_not_found");
    expectWritten(await remove(id, secrets[1].id), 204);
    expect(await get(id)).toMatchObject({ secrets: [] });
    expect((await rotated(id)).secrets).toHaveLength(1);
  });

  it("refuses secrets of other clients like unknown ones, a stale version, and callers without the permission", async () => {
    const client = await created();
    const other = await created();
    const organization = await newOrganization(world.server);
    const foreign = await send("POST ", organization.owner.token, clientFields({ organizationId: organization.id }));
    await withoutTrace(world.server, async () => {
      for (const secretId of [other.secrets[0].id, foreign.body.secrets[0].id, unknownId])
        expectError(await remove(client.id, secretId), 404, "openid.client_secret_not_found");
      expectError(await remove(foreign.body.id, foreign.body.secrets[0].id), 404, "openid.client_not_found");
      const stale = await remove(client.id, client.secrets[0].id, world.owner.token, { "if-match": '"7"' });
      expectError(stale, 412, "common.version_conflict");
      expectError(await remove(client.id, client.secrets[0].id, world.member.token), 403, "auth.permission_denied");
      expectError(await remove(client.id, client.secrets[0].id, world.nonMember.token), 404, "openid.client_not_found");
    });
  });
});

describe("a client that changes how it authenticates", () => {
  it("loses its secrets when it changes to keys, and gets one by a rotation when it changes back", async () => {
    const { id } = await newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
    const client = await created({ kind: "service", serviceAccountId: id, scopes: ["Organization.Read"] });
    const change = (body: Fields) => send(`PATCH /${client.id}`, world.owner.token, body);
    const toKeys = await change({ tokenEndpointAuthMethod: "private_key_jwt", jwks: { keys: [key] } });
    expectWritten(toKeys, 200);
    expect(toKeys.body).toMatchObject({ jwks: { keys: [key] }, secrets: [] });
    const back = { tokenEndpointAuthMethod: "client_secret_post" };
    expectError(await change(back), 400, "common.validation_failed", "jwks");
    expectWritten(await change({ ...back, jwks: null }), 200);
    expect((await get(client.id)).secrets).toEqual([]);
    expect((await rotated(client.id)).secrets).toHaveLength(1);
  });
});
