import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import { signIn, unique, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/clients";
const world = World.ofSuite(["admin", "member", "nonMember"]);

const send = (route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route.replace(" ", ` ${path}`), { token, headers, ...(body === undefined ? {} : { body }) });
const create = (fields: Fields = {}, token = world.owner.token): Promise<Answer<AnyBody>> =>
  send("POST ", token, clientFields({ organizationId: world.organization.id, ...fields }));
async function created(fields: Fields = {}, token = world.owner.token): Promise<AnyBody> {
  const answer = await create(fields, token);
  expectWritten(answer, 201);
  return answer.body;
}
const global = (fields: Fields = {}): Promise<AnyBody> => created({ organizationId: null, ...fields }, world.administrator.token);
const get = (id: string, token = world.owner.token) => send(`GET /${id}`, token);
const update = (id: string, body: Fields, token = world.owner.token, headers = {}) => send(`PATCH /${id}`, token, body, headers);
const remove = (id: string, token = world.owner.token, headers = {}) => send(`DELETE /${id}`, token, undefined, headers);

const settings = {
  name: "Timesheets",
  description: "Hours of every project",
  logoUri: "https://app.example.com/logo.svg",
  policyUri: "https://app.example.com/privacy",
  tosUri: "https://app.example.com/terms",
  redirectUris: ["https://app.example.com/callback"],
  postLogoutRedirectUris: ["https://app.example.com/"],
  backchannelLogoutUri: "https://app.example.com/logout",
  deviceFlow: true,
  tokenEndpointAuthMethod: "client_secret_post",
  scopes: ["openid", "profile", "email", "offline_access", "roles", "organization", "Organization.Read"],
  dpopBound: true,
};

describe("POST /api/v1/clients", () => {
  it("creates a confidential client with its settings, and answers its secret once", async () => {
    const answer = await create(settings);
    expectWritten(answer, 201);
    const { clientSecret, ...client } = answer.body;
    expect(client).toMatchObject({
      ...settings,
      organizationId: world.organization.id,
      kind: "confidential",
      grantTypes: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
      serviceAccountId: null,
      firstParty: false,
      status: "Active",
      secrets: [{ prefix: clientSecret.slice(0, 10), expiresAt: null }],
      version: 1,
    });
    expect(clientSecret).toMatch(/^ghc_[\w-]{43}$/);
    expect(answer.headers["etag"]).toBe('"1"');
    const read = await get(client.id);
    expectRead(read);
    expect(read.body).toEqual(client);
    expect(read.headers["etag"]).toBe('"1"');
  });

  it("creates a public client without a secret", async () => {
    const client = await created({ kind: "public", redirectUris: ["http://127.0.0.1/callback", "com.example.app:/callback"] });
    expect(client).toMatchObject({
      kind: "public",
      tokenEndpointAuthMethod: "none",
      grantTypes: ["authorization_code", "refresh_token"],
      clientSecret: null,
      secrets: [],
    });
  });

  it("creates a service client of a service account", async () => {
    const { id } = await newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
    const client = await created({ kind: "service", serviceAccountId: id, scopes: ["Organization.Read"] });
    expect(client).toMatchObject({
      kind: "service",
      serviceAccountId: id,
      grantTypes: ["client_credentials"],
      tokenEndpointAuthMethod: "client_secret_basic",
      clientSecret: expect.stringMatching(/^ghc_/),
    });
  });

  it("creates a global client, and one that skips the consent of users, for administrators only", async () => {
    const client = await global({ firstParty: true });
    expect(client).toMatchObject({ organizationId: null, firstParty: true });
    await withoutTrace(world.server, async () => {
      expectError(await create({ organizationId: null }), 403, "auth.permission_denied");
      expectError(await create({ firstParty: true }), 400, "common.validation_failed", "firstParty");
      expectError(await create({}, world.administrator.token), 404, "openid.client_not_found");
    });
  });

  it("answers non-members as for an unknown organization, and refuses members without the permission", async () => {
    await withoutTrace(world.server, async () => {
      expectError(await create({}, world.nonMember.token), 404, "openid.client_not_found");
      expectError(await create({ organizationId: unknownId }), 404, "openid.client_not_found");
      expectError(await create({}, world.member.token), 403, "auth.permission_denied");
    });
  });

  it.each<[string, Fields]>([
    ["name", { name: "\u200b" }],
    ["kind", { kind: "admin" }],
    ["scopes", { scopes: [] }],
    ["scopes", { scopes: Array.from({ length: 101 }, (_, index) => `Scope${index}`) }],
    ["redirectUris", { redirectUris: [] }],
    ["redirectUris", { redirectUris: Array.from({ length: 21 }, (_, index) => `https://app.example.com/${index}`) }],
    ["redirectUris", { redirectUris: ["https://app.example.com/a", "https://app.example.com/a"] }],
    ["redirectUris.1", { redirectUris: ["https://app.example.com/a", `https://app.example.com/${"a".repeat(2_000)}`] }],
    ["redirectUris.1", { redirectUris: ["https://app.example.com/a", "https://*.example.com/a"] }],
    ["postLogoutRedirectUris.0", { postLogoutRedirectUris: ["javascript:alert(1)"] }],
    ["backchannelLogoutUri", { backchannelLogoutUri: "http://app.example.com/logout" }],
    ["logoUri", { logoUri: "data:image/png;base64,AAAA" }],
    ["policyUri", { policyUri: "/privacy" }],
    ["tosUri", { tosUri: "https://user:pass@app.example.com/terms" }],
    ["tokenEndpointAuthMethod", { tokenEndpointAuthMethod: "none" }],
    ["tokenEndpointAuthMethod", { kind: "public", tokenEndpointAuthMethod: "client_secret_basic" }],
    ["jwks", { tokenEndpointAuthMethod: "private_key_jwt" }],
    ["jwksUri", { jwksUri: "https://app.example.com/jwks" }],
    ["serviceAccountId", { serviceAccountId: unknownId }],
    ["serviceAccountId", { kind: "service", scopes: ["Organization.Read"] }],
    ["status", { status: "Active" }],
    ["secrets", { secrets: [] }],
    ["clientSecret", { clientSecret: `ghc_${"a".repeat(43)}` }],
    ["grantTypes", { grantTypes: ["client_credentials"] }],
    ["id", { id: unknownId }],
  ])("refuses a request with an unsuitable %s", async (field, fields) => {
    await withoutTrace(world.server, async () => {
      expectError(await create(fields), 400, "common.validation_failed", field);
    });
  });

  it("refuses the settings of users for a service client", async () => {
    const { id } = await newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
    const service = { kind: "service", serviceAccountId: id, scopes: ["Organization.Read"] };
    await withoutTrace(world.server, async () => {
      for (const field of ["redirectUris", "postLogoutRedirectUris"])
        expectError(await create({ ...service, [field]: ["https://app.example.com/a"] }), 400, "common.validation_failed", field);
      for (const field of ["deviceFlow", "firstParty"])
        expectError(await create({ ...service, [field]: true }), 400, "common.validation_failed", field);
      const scopes = ["Organization.Read", "openid"];
      expectError(await create({ ...service, scopes }), 400, "common.validation_failed", "scopes.1");
    });
  });
});

describe("GET /api/v1/clients", () => {
  it("lists the clients of the organization page by page, for holders of the permission", async () => {
    const reader = await world.person(await world.role(["Organization.ReadClients"]));
    const ids = [(await created()).id, (await created()).id];
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const answer = await send(`GET ?organizationId=${world.organization.id}&limit=2${cursor}`, reader.token);
      expectRead(answer);
      expect(JSON.stringify(answer.body)).not.toMatch(/clientSecret|secret_hash/);
      seen.push(...answer.body.items.map(({ id }: AnyBody) => id));
      if (answer.body.nextCursor === null) break;
      cursor = `&cursor=${answer.body.nextCursor}`;
    }
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect(new Set(seen).size).toBe(seen.length);
    expectError(await send(`GET ?organizationId=${world.organization.id}`, world.member.token), 403, "auth.permission_denied");
    expectError(await send(`GET ?organizationId=${world.organization.id}`, world.nonMember.token), 404, "openid.client_not_found");
  });

  it("lists those of the session's scope if the request names no organization", async () => {
    const [{ id }, ofAll] = [await created(), await global()];
    const globals = await send("GET ?limit=200", world.administrator.token);
    expectRead(globals);
    expect(globals.body.items.map((one: AnyBody) => one.id)).toContain(ofAll.id);
    expect(globals.body.items.map((one: AnyBody) => one.id)).not.toContain(id);
    const own = await send("GET ?limit=200", await signIn(world.server, world.owner.email, world.organization.id));
    expectRead(own);
    expect(own.body.items.map((one: AnyBody) => one.id)).toContain(id);
    expectError(await send("GET ", world.owner.token), 403, "auth.permission_denied");
  });
});

describe("GET /api/v1/clients/{id}", () => {
  it("answers 404 to non-members and for unknown ids, 403 to members without the permission", async () => {
    const { id } = await created();
    expectError(await get(id, world.nonMember.token), 404, "openid.client_not_found");
    expectError(await get(unknownId), 404, "openid.client_not_found");
    expectError(await get(id, world.member.token), 403, "auth.permission_denied");
    expectError(await get((await global()).id), 403, "auth.permission_denied");
  });
});

describe("PATCH /api/v1/clients/{id}", () => {
  it("changes only the fields that the request has", async () => {
    const { clientSecret, ...before } = await created(settings);
    const renamed = await update(before.id, { name: `Renamed ${unique()}`, logoUri: null });
    expectWritten(renamed, 200);
    expect(renamed.body).toEqual({ ...before, name: renamed.body.name, logoUri: null, updatedAt: renamed.body.updatedAt, version: 2 });
    const given = await update(before.id, { deviceFlow: false, redirectUris: ["https://app.example.com/new"] });
    expectWritten(given, 200);
    expect(given.body).toMatchObject({
      redirectUris: ["https://app.example.com/new"],
      grantTypes: ["authorization_code", "refresh_token"],
    });
  });

  it("refuses what does not fit the kind or the other settings of the client", async () => {
    const client = await created();
    await withoutTrace(world.server, async () => {
      for (const [field, value] of Object.entries({
        tokenEndpointAuthMethod: "none",
        firstParty: true,
        jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] },
        redirectUris: [],
        name: "\u200b",
        kind: "public",
        organizationId: null,
        serviceAccountId: unknownId,
      }))
        expectError(await update(client.id, { [field]: value }), 400, "common.validation_failed", field);
      expectError(await update(client.id, {}), 400, "common.validation_failed");
    });
  });

  it("refuses a stale version, and callers without the permission", async () => {
    const { id } = await created();
    await withoutTrace(world.server, async () => {
      expectError(await update(id, { name: "New" }, world.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await update(id, { name: "New" }, world.member.token), 403, "auth.permission_denied");
      expectError(await update(id, { name: "New" }, world.nonMember.token), 404, "openid.client_not_found");
      expectError(await update(unknownId, { name: "New" }), 404, "openid.client_not_found");
    });
    expectWritten(await update(id, { name: "New" }, world.owner.token, { "if-match": '"1"' }), 200);
  });
});

describe("DELETE /api/v1/clients/{id}", () => {
  it("deletes a client, for holders of the permission", async () => {
    const { id } = await created();
    await withoutTrace(world.server, async () => {
      expectError(await remove(id, world.owner.token, { "if-match": '"7"' }), 412, "common.version_conflict");
      expectError(await remove(id, world.member.token), 403, "auth.permission_denied");
      expectError(await remove(id, world.nonMember.token), 404, "openid.client_not_found");
    });
    expectWritten(await remove(id), 204);
    expectError(await get(id), 404, "openid.client_not_found");
    expectError(await remove(id), 404, "openid.client_not_found");
  });
});
