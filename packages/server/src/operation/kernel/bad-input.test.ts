import { expectError } from "@gatehouse/testing/answers.ts";
import { anAddress, type OrganizationOf, type Person, registration, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite();
const { server } = world;
let administrator: Person;
let organization: OrganizationOf;
beforeAll(() => {
  ({ administrator, organization } = world);
});

const create = "POST /api/v1/iam/organizations";
const send = (body: string, headers: Readonly<Record<string, string>> = {}, route = create): Promise<Answer<AnyBody>> =>
  server.call(route, { token: organization.owner.token, body, headers });
const sound = { name: "Sound", slug: "sound", country: "VN" };

describe("a request that cannot be read", () => {
  it.each([
    ["not JSON", "{", 400],
    ["half of JSON", '{"name":', 400],
    ["JSON with a comment", '{"name":"x" /* y */}', 400],
    ["JSON with NaN", '{"name": NaN}', 400],
    ["a list", "[]", 400],
    ["a text", '"name"', 400],
    ["a number", "5", 400],
    ["null", "null", 400],
    ["__proto__", '{"__proto__":{"isAdmin":true},"name":"Sound","slug":"sound","country":"VN"}', 400],
    ["__proto__ spelled with an escape", '{"\\u005f_proto__":{"isAdmin":true},"name":"Sound","slug":"sound","country":"VN"}', 400],
    ["constructor.prototype", '{"constructor":{"prototype":{"isAdmin":true}},"name":"Sound","slug":"sound","country":"VN"}', 400],
    ["300 KB", JSON.stringify({ ...sound, name: "n".repeat(300 * 1_024) }), 413],
  ])("with the body %s is refused in the error envelope and changes nothing", async (_what, body, status) => {
    const answer = await withoutTrace(server, () => send(body));
    expectError(answer, status, status === 413 ? "common.payload_too_large" : "common.validation_failed");
    expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
  });

  it.each([
    ["application/x-www-form-urlencoded", "name=Sound&slug=sound&country=VN"],
    ["multipart/form-data; boundary=x", "--x--"],
    ["text/plain", JSON.stringify(sound)],
    ["application/xml", "<name/>"],
    ["nonsense", "{}"],
  ])("of type %s, which a form on another site can send, gets 415", async (type, body) => {
    const answer = await withoutTrace(server, () => send(body, { "content-type": type }));
    expectError(answer, 415, "common.unsupported_media_type");
  });

  it.each([
    ["GET /api/v1/iam/nothing", 404],
    ["PATCH /api/v1/iam/organizations", 405],
    ["GET /api/v1/iam/auth/login", 405],
    ["GET /api/v1/iam/users/me/", 404],
    ["GET /api/v1/iam/roles/%E0%A4%A", 400],
    [`GET /api/v1/iam/roles/${"x".repeat(600)}`, 400],
  ])("at %s is answered in the error envelope with %s", async (route, status) => {
    const answer = await server.call(route, { token: organization.owner.token, headers: { accept: "application/json" } });
    const codes: Readonly<Record<number, string>> = { 404: "common.not_found", 405: "common.method_not_allowed" };
    expectError(answer, status, codes[status] ?? "common.validation_failed");
  });
});

describe("a field", () => {
  it.each([
    ["unknown", { ...sound, owner: "me" }, "owner"],
    ["of the wrong type", { ...sound, name: 5 }, "name"],
    ["that is a list", { ...sound, name: ["Sound"] }, "name"],
    ["that is null", { ...sound, name: null }, "name"],
    ["that is missing", { name: "Sound", slug: "sound" }, "country"],
    ["too long", { ...sound, name: "n".repeat(256) }, "name"],
    ["with NUL", { ...sound, name: "So\u0000und" }, "name"],
    ["with half a surrogate pair", { ...sound, name: "So\ud800und" }, "name"],
    ["called toString", { ...sound, toString: "x" }, "toString"],
    ["with an empty name", { ...sound, "": "x" }, ""],
  ])("%s is refused, named in the error, and changes nothing", async (_what, body, field) => {
    const answer = await withoutTrace(server, () => send(JSON.stringify(body)));
    expectError(answer, 400, "common.validation_failed", field);
  });

  it("that would set another tenant, a right or a state is unknown, and the row does not change", async () => {
    for (const extra of [
      { organizationId: organization.id },
      { isSystemRole: true },
      { emailVerified: true },
      { version: 9 },
      { createdAt: "2020" },
    ]) {
      const answer = await withoutTrace(server, () =>
        server.call("PUT /api/v1/iam/users/me", { token: organization.owner.token, body: { firstName: "X", ...extra } }),
      );
      expectError(answer, 400, "common.validation_failed", Object.keys(extra)[0]);
    }
  });

  it("that is invalid is named with its rule, together with all others, and never with its value", async () => {
    const answer = await send(JSON.stringify({ name: "", slug: "Not A Slug secret", country: 7, extra: "secret" }));
    expectError(answer, 400, "common.validation_failed");
    const fields = answer.body.error.details.map(({ field }: AnyBody) => field);
    for (const field of ["name", "slug", "country", "extra"]) expect(fields).toContain(field);
    for (const { rule, message } of answer.body.error.details)
      expect({ rule, message }).toEqual({ rule: expect.any(String), message: expect.any(String) });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
  });

  it("nested very deeply is handled in bounded time, and the process survives", async () => {
    const deep = `${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`;
    const body = `{"userId":"${organization.owner.id}","actionType":"Organization.Read","contextData":${deep}}`;
    const answer = await send(body, {}, "POST /api/v1/iam/authorization/check");
    expect([200, 400]).toContain(answer.status);
    const suspicious = body.replace(":1}", ':"\\u0000"}');
    expectError(await send(suspicious, {}, "POST /api/v1/iam/authorization/check"), 400, "common.validation_failed");
    expectError(await send(`${"[".repeat(120_000)}${"]".repeat(120_000)}`), 400, "common.validation_failed");
    expect((await server.call("GET /health")).status).toBe(200);
  });
});

describe("an id", () => {
  it.each([
    "7",
    "me",
    "0198c0de00007000800000000000abcd",
    "{0198c0de-0000-7000-8000-00000000abcd}",
    "0198c0de-0000-7000-8000-00000000abcg",
    "%00",
    "..%2f",
  ])("written as %j is refused and named in the error", async (id) => {
    const answer = await withoutTrace(server, () =>
      server.call(`GET /api/v1/iam/organizations/${id}`, { token: organization.owner.token }),
    );
    expectError(answer, 400, "common.validation_failed", "organizationId");
  });

  it("in upper case is the same id in the path, in the body and in the answer", async () => {
    const renamed = await server.call(`PUT /api/v1/iam/organizations/${organization.id.toUpperCase()}`, {
      token: organization.owner.token,
      body: { logoAssetId: "0198C0DE-0000-7000-8000-00000000ABCD" },
    });
    expect(renamed.body).toMatchObject({ id: organization.id, logoAssetId: "0198c0de-0000-7000-8000-00000000abcd" });
  });
});

describe("the order of checks", () => {
  it("is authentication, validation, authorization, and only then the state of the resource", async () => {
    expectError(await server.call(create, { body: { nonsense: true } }), 401, "auth.credential_required");
    expectError(await server.call("PUT /api/v1/iam/users/me", { body: "{" }), 400, "common.validation_failed");
    const refused = await withoutTrace(server, () =>
      server.call("POST /api/v1/iam/permissions", {
        token: organization.owner.token,
        body: { value: "Organization.Read", scope: "Organization" },
      }),
    );
    expectError(refused, 403, "auth.permission_denied");
  });
});

describe("the audit log", () => {
  it("has principal, input and address of a success, and no password or token", async () => {
    const secret = `a secret harbour ${unique()}`;
    const body = registration({ password: secret });
    const from = anAddress();
    await server.call("POST /api/v1/iam/auth/register", { body, from, headers: { "user-agent": "Browser/2.0" } });
    const mail = await server.mail(body.email, "verify-email");
    const token = new URL(mail.links[0] as string).searchParams.get("token") as string;
    await server.call("POST /api/v1/iam/auth/verify-email", { body: { token } });
    await server.call("POST /api/v1/iam/auth/login", { body: { email: body.email, password: secret }, from: anAddress() });
    const { rows } = await server.application.platform.database.owner
      .selectFrom("audit_entries")
      .selectAll()
      .where("operation", "in", ["authentication.register", "authentication.verifyEmail", "authentication.login"])
      .orderBy("id")
      .execute()
      .then((all: AnyBody[]) => ({ rows: all }));
    const mine = rows.find((row: AnyBody) => row.personal?.input?.email === body.email && row.operation === "authentication.register");
    expect(mine).toMatchObject({ caller_kind: "anonymous", user_id: null, ip_address: from, user_agent: "Browser/2.0" });
    // Personal data is stored separately, so that it can be encrypted under the person's key.
    const [email, firstName, lastName] = ["[personal]", "[personal]", "[personal]"];
    expect(mine.input).toEqual({ ...body, password: "[secret]", email, firstName, lastName });
    expect(mine.personal).toEqual({ input: { email: body.email, firstName: body.firstName, lastName: body.lastName } });
    const text = JSON.stringify(rows);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(token);
    expect(rows.filter((row: AnyBody) => row.operation === "authentication.verifyEmail").length).toBeGreaterThan(0);
  });

  it("gets no change from a refused call", async () => {
    await withoutTrace(server, () =>
      server.call(`PATCH /api/v1/users/${administrator.id}`, { token: administrator.token, body: { status: "Suspended" } }),
    );
  });
});
