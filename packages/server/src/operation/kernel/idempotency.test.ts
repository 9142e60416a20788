import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  newAdministrator,
  newOrganization,
  newPerson,
  type Person,
  password,
  registration,
  signIn,
  unique,
} from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let person: Person;
let administrator: Person;
beforeAll(async () => {
  person = await newPerson(server);
  administrator = await newAdministrator(server);
});

const draft = () => {
  const name = `Idempotent ${unique()}`;
  return { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
};
const create = (body: unknown, key: string, token = person.token): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/organizations", { token, body, headers: { "idempotency-key": key } });
const countOf = async (name: string): Promise<string | undefined> => {
  const { rows } = await sql<{ count: string }>`select count(*)::text as count from organizations where name = ${name}`.execute(
    server.application.platform.database.owner,
  );
  return rows[0]?.count;
};

describe("Idempotency-Key on a POST", () => {
  it("returns the first answer to a retry: status, body, revision and ETag, and runs the command once", async () => {
    const [body, key] = [draft(), unique()];
    const first = await create(body, key);
    expectWritten(first, 201);
    const again = await withoutTrace(server, () => create(body, key));
    expectWritten(again, 201);
    expect(again.body).toEqual(first.body);
    for (const name of ["x-gatehouse-revision", "etag"]) expect(again.headers[name]).toBe(first.headers[name]);
    expect(await countOf(body.name)).toBe("1");
  });

  it("with another body is refused with 409, and nothing is written", async () => {
    const key = unique();
    expectWritten(await create(draft(), key), 201);
    expectError(await withoutTrace(server, () => create(draft(), key)), 409, "common.idempotency_key_reused", "Idempotency-Key");
  });

  it("is separate for each caller and each operation", async () => {
    const key = unique();
    const other = await newPerson(server);
    const [one, two] = [await create(draft(), key), await create(draft(), key, other.token)];
    expect([one.status, two.status]).toEqual([201, 201]);
    const role = await server.call("POST /api/v1/iam/permissions", {
      token: administrator.token,
      body: { value: `P${unique()}`, scope: "Organization" },
      headers: { "idempotency-key": key },
    });
    expectWritten(role, 201);
  });

  it("of sixteen concurrent calls has one effect and one answer", async () => {
    const [body, key] = [draft(), unique()];
    const answers = await Promise.all(Array.from({ length: 16 }, () => create(body, key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(201));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers["x-gatehouse-revision"])).size).toBe(1);
    expect(await countOf(body.name)).toBe("1");
  });

  it("of a failed attempt can be reused, also with another body", async () => {
    const key = unique();
    const taken = draft();
    await create(taken, unique());
    expectError(await withoutTrace(server, () => create(taken, key)), 409, "tenancy.name_taken");
    expectError(await withoutTrace(server, () => create({ ...taken, country: "ZZ" }, key)), 400, "common.validation_failed");
    expectWritten(await create(draft(), key), 201);
  });

  it("recognizes a request independently of field order and JSON formatting", async () => {
    const [{ name, slug, country }, key] = [draft(), unique()];
    const first = await create({ name, slug, country }, key);
    expectWritten(first, 201);
    const escaped = `{ "country": "V\\u004E",\n "slug": ${JSON.stringify(slug)}, "name": ${JSON.stringify(name)} }`;
    for (const body of [{ country, slug, name }, { slug, name, country }, escaped]) {
      const again = await withoutTrace(server, () => create(body, key));
      expectWritten(again, 201);
      expect(again.body).toEqual(first.body);
    }
  });

  it("distinguishes requests by nested fields and by the order of lists", async () => {
    const set = (attributes: unknown, key: string) =>
      server.call("POST /api/v1/audit/events", {
        token: administrator.token,
        body: { source: "test", action: "tested", details: attributes },
        headers: { "idempotency-key": key },
      });
    const key = unique();
    const first = await set({ one: { a: 1, b: [1, 2] }, two: "x", ten: "y" }, key);
    expectWritten(first, 201);
    const again = await withoutTrace(server, () => set({ ten: "y", one: { b: [1, 2], a: 1 }, two: "x" }, key));
    expect(again.body).toEqual(first.body);
    for (const other of [
      { one: { a: 1, b: [2, 1] }, two: "x", ten: "y" },
      { one: { a: 1, b: [1, 2], two: "x" }, ten: "y" },
      { one: [["a", 1]] },
    ])
      expectError(await withoutTrace(server, () => set(other, key)), 409, "common.idempotency_key_reused", "Idempotency-Key");
  });

  it("of anonymous callers is separate for each address and request, and stores neither", async () => {
    const [key, from] = [unique(), anAddress()];
    const register = (body: object, address: string) =>
      server.call("POST /api/v1/iam/auth/register", { body, from: address, headers: { "idempotency-key": key } });
    const [one, two] = [registration(), registration()];
    for (const answer of [await register(one, from), await register(two, from), await register(two, anAddress())])
      expectWritten(answer, 201);
    expectWritten(await withoutTrace(server, () => register(one, from)), 201);
    const { rows } = await sql<Record<string, string>>`select * from idempotency_keys where key = ${key}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows).toHaveLength(3);
    // Neither the address nor a hash that a password could be guessed from.
    for (const row of rows) expect(row["caller"]).toMatch(/^anonymous:[\w-]{43}$/);
    expect(JSON.stringify(rows)).not.toContain(from);
  });

  it("is separate in a session for an organization", async () => {
    const key = unique();
    const owner = await newPerson(server);
    const organization = await newOrganization(server, owner);
    const within = await signIn(server, owner.email, organization.id);
    const role = { name: `Within ${unique()}`, scope: "Organization" };
    const make = (token: string, body: object) =>
      server.call("POST /api/v1/iam/roles", { token, body, headers: { "idempotency-key": key } });
    expectWritten(await make(owner.token, { ...role, organizationId: organization.id }), 201);
    const answer = await make(within, { ...role, name: `Other ${unique()}` });
    expectWritten(answer, 201);
    expect(answer.body.organizationId).toBe(organization.id);
  });

  it("does not return a session that has ended: the retry signs in again", async () => {
    const [key, from] = [unique(), anAddress()];
    const someone = await newPerson(server);
    const login = (body: object = {}) =>
      server.call("POST /api/v1/iam/auth/login", {
        body: { email: someone.email, password, ...body },
        from,
        headers: { "idempotency-key": key },
      });
    const me = async (token: string) => (await server.call("GET /api/v1/iam/users/me", { token })).status;
    const first = await login();
    expectWritten(await server.call("POST /api/v1/iam/auth/logout", { token: first.body.sessionToken, body: {} }), 204);
    // Of concurrent retries one signs in, and the others get its answer.
    const retries = await Promise.all([login(), login(), login(), login()]);
    for (const retry of retries) expect([retry.status, await me(retry.body.sessionToken)]).toEqual([200, 200]);
    expect(new Set(retries.map(({ body }) => body.sessionToken)).size).toBe(1);
    expect(retries[0]?.body.sessionToken).not.toBe(first.body.sessionToken);
  });

  it("returns the session of a sign-in to a retry, and stores answer and request encrypted", async () => {
    const [key, from] = [unique(), anAddress()];
    const login = () =>
      server.call("POST /api/v1/iam/auth/login", {
        body: { email: person.email, password },
        from,
        headers: { "idempotency-key": key },
      });
    const [first, again] = [await login(), await login()];
    expect(again.body).toEqual(first.body);
    expect(again.headers["set-cookie"]).toBe(first.headers["set-cookie"]);
    const { rows } = await sql<Record<string, string>>`select * from idempotency_keys where key = ${key}`.execute(
      server.application.platform.database.owner,
    );
    expect(rows).toHaveLength(1);
    const { createHash } = await import("node:crypto");
    const bare = createHash("sha256")
      .update(JSON.stringify({ email: person.email, password }))
      .digest("hex");
    expect(JSON.stringify(rows)).not.toContain(first.body.sessionToken);
    expect(JSON.stringify(rows)).not.toContain(bare);
  });

  it("sends one mail for a repeated registration", async () => {
    const [body, key, from] = [registration(), unique(), anAddress()];
    const register = () => server.call("POST /api/v1/iam/auth/register", { body, from, headers: { "idempotency-key": key } });
    const first = await register();
    const again = await withoutTrace(server, register);
    expect(again.body).toEqual(first.body);
  });

  it("that is too long is refused rather than truncated", async () => {
    expectError(await withoutTrace(server, () => create(draft(), "k".repeat(256))), 400, "common.validation_failed", "Idempotency-Key");
    expectWritten(await create(draft(), "k".repeat(255)), 201);
  });

  it("that is empty counts as absent: both calls create an organization", async () => {
    const [one, two] = [await create(draft(), ""), await create(draft(), "")];
    expect([one.status, two.status]).toEqual([201, 201]);
  });

  // Last, because it expires all sessions.
  it("does not return an expired session", async () => {
    const [key, from] = [unique(), anAddress()];
    const login = () =>
      server.call("POST /api/v1/iam/auth/login", { body: { email: person.email, password }, from, headers: { "idempotency-key": key } });
    const first = await login();
    server.clock.advance(server.configuration.settings.sessionIdleSeconds + 60);
    const later = await login();
    expect(later.body.sessionToken).not.toBe(first.body.sessionToken);
    expect((await server.call("GET /api/v1/iam/users/me", { token: later.body.sessionToken })).status).toBe(200);
  });
});
