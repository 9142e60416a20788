import { randomUUID } from "node:crypto";
import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  joinAs,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  password,
  rolesOf,
} from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { Value } from "typebox/value";
import { beforeAll, describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { appenderOfLog } from "./log-reader.ts";

const world = World.ofSuite(["member", "nonMember"]);
const { server } = world;
let organization: OrganizationOf;
let administrator: Person;
let member: Person;
let nonMember: Person;
beforeAll(() => {
  ({ organization, administrator, member, nonMember } = world);
});

const unknownId = "0198c0de-0000-7000-8000-000000000000";
const logs = (search: Readonly<Record<string, string>> = {}, token = organization.owner.token) =>
  server.call(`GET /api/v1/audit/logs?${new URLSearchParams(search)}`, { token });
/** The records of the organization, newest first, once all entries are appended. */
async function recorded(search: Readonly<Record<string, string>> = {}, token?: string): Promise<AnyBody[]> {
  await server.application.settled();
  const own = token === undefined ? { organizationId: organization.id } : {};
  const answer = await logs({ ...own, ...search }, token ?? organization.owner.token);
  expectRead(answer);
  return answer.body.items;
}
const everywhere = (search: Readonly<Record<string, string>>) => recorded(search, administrator.token);

describe("an audit record", () => {
  it("has actor, action, entity, state before and after, and origin of a command", async () => {
    const { body: role } = await server.call("POST /api/v1/iam/roles", {
      token: organization.owner.token,
      body: { name: "Auditor", scope: "Organization", organizationId: organization.id },
    });
    await server.call(`POST /api/v1/iam/roles/${role.id}/permissions`, {
      token: organization.owner.token,
      body: { permissions: ["Organization.ReadAuditLog"] },
      headers: { "user-agent": "a browser", "x-request-id": "request 1" },
      from: "10.1.2.3",
    });
    const [record] = await recorded({ action: "Role.Permission.Added" });
    expect(record).toMatchObject({
      organizationId: organization.id,
      source: "gatehouse",
      operation: "access.addRolePermissions",
      category: "Security",
      severity: "Warning",
      result: "success",
      reason: null,
      actor: { kind: "user", id: organization.owner.id, sessionId: expect.any(String) },
      principal: { kind: "user", id: organization.owner.id },
      credential: { kind: "session", id: record?.["actor"].sessionId },
      entity: { type: "Role", id: role.id },
      requestId: "request 1",
      standsFor: 1,
      details: {
        input: { roleId: role.id, permissions: ["Organization.ReadAuditLog"] },
        before: { permissions: [] },
        after: { permissions: ["Organization.ReadAuditLog"] },
      },
      personal: { ipAddress: "10.1.2.3", userAgent: "a browser" },
      erased: false,
    });
  });

  it("is in its organization's chain, numbered without gaps, or without an organization in the internal chain", async () => {
    const records = await recorded({ limit: "200" });
    expect(records.map(({ number }) => number)).toEqual(records.map((_record, index) => records.length - index));
    expect(new Set(records.map(({ organizationId }) => organizationId))).toEqual(new Set([organization.id]));
    expect((await everywhere({ action: "SystemDefinitions" }))[0]).toMatchObject({ organizationId: null, category: "System" });
  });

  it("of a successful or failed sign-in names the user, with the reason of a failure", async () => {
    const signIn = (secret: string) =>
      server.call("POST /api/v1/iam/auth/login", { from: anAddress(), body: { email: nonMember.email, password: secret } });
    expectError(await signIn("not the password"), 401, "auth.invalid_credentials");
    expect((await signIn(password)).status).toBe(200);
    const about = { action: "User.Login", entityId: nonMember.id };
    const [succeeded] = await everywhere({ ...about, result: "success" });
    const [failed] = await everywhere({ ...about, result: "refused" });
    expect(succeeded).toMatchObject({ result: "success", severity: "Info", actor: { kind: "user", id: nonMember.id } });
    // The session is the result of the sign-in, not its credential.
    expect(succeeded).toMatchObject({ principal: { kind: "user", id: nonMember.id }, credential: null });
    expect(failed).toMatchObject({
      result: "refused",
      severity: "Warning",
      reason: "auth.invalid_credentials",
      actor: { kind: "anonymous", id: null },
      principal: { kind: "anonymous", id: null },
      credential: null,
      entity: { type: "User", id: nonMember.id },
      details: { input: { email: "[personal]", password: "[secret]" } },
      personal: { input: { email: nonMember.email } },
    });
  });

  it("of a refused call is in the organization's chain for a member, and in the internal chain for a non-member", async () => {
    const rename = (token: string) =>
      server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token, body: { name: "Mine now" } });
    expectError(await rename(member.token), 403, "auth.permission_denied");
    expectError(await rename(nonMember.token), 404, "tenancy.organization_not_found");
    expect(await recorded({ result: "refused", actorId: member.id })).toMatchObject([
      { action: "Organization.Updated", severity: "Warning", reason: "auth.permission_denied", organizationId: organization.id },
    ]);
    expect(await everywhere({ result: "refused", actorId: nonMember.id, action: "Organization" })).toMatchObject([
      { organizationId: null, reason: "tenancy.organization_not_found", entity: { id: organization.id } },
    ]);
  });

  it("of a rejected removal of the last owner has the result and the reason", async () => {
    const { body } = await server.call(`GET /api/v1/iam/organizations/${organization.id}/memberships`, { token: organization.owner.token });
    const { id } = body.items.find(({ userId }: AnyBody) => userId === organization.owner.id);
    const path = `/api/v1/iam/organizations/${organization.id}/memberships/${id}`;
    expectError(await server.call(`DELETE ${path}`, { token: organization.owner.token }), 409, "tenancy.last_owner");
    expect((await recorded({ entityId: id, result: "failed" }))[0]).toMatchObject({
      action: "Member.Removed",
      severity: "Warning",
      reason: "tenancy.last_owner",
    });
  });

  it("is written for a refused query, although a successful one is not recorded", async () => {
    expectError(
      await server.call(`GET /api/v1/iam/organizations/${organization.id}`, { token: nonMember.token }),
      404,
      "tenancy.organization_not_found",
    );
    const [record] = await everywhere({ action: "Read.Refused", actorId: nonMember.id });
    expect(record).toMatchObject({
      operation: "tenancy.getOrganization",
      category: "DataAccess",
      severity: "Warning",
      reason: "tenancy.organization_not_found",
      entity: { id: organization.id },
    });
  });

  it("of a call with an unknown credential has its origin, but nothing of the request", async () => {
    const from = anAddress();
    const token = `ghs_${"x".repeat(43)}`;
    const body = { name: "Not looked at" };
    expectError(
      await server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token, body, from }),
      401,
      "auth.credential_invalid",
    );
    const records = await everywhere({ action: "Organization.Updated", result: "refused", limit: "200" });
    const record = records.find(({ personal }) => personal.ipAddress === from);
    expect(record).toMatchObject({
      organizationId: null,
      reason: "auth.credential_invalid",
      actor: { kind: "anonymous", id: null },
      details: { input: {} },
    });
  });

  it("of a profile change has the previous values among the personal data", async () => {
    const person = await newPerson(server, "renamed");
    const { body } = await server.call("GET /api/v1/iam/users/me", { token: person.token });
    await server.call("PUT /api/v1/iam/users/me", { token: person.token, body: { firstName: "Another", locale: "vi" } });
    const [record] = await everywhere({ actorId: person.id, action: "User.ProfileUpdated" });
    expect(record).toMatchObject({
      entity: { type: "User", id: person.id },
      details: { input: { firstName: "[personal]" }, before: { locale: body.locale }, after: { locale: "vi" } },
      personal: { input: { firstName: "Another" }, before: { firstName: body.firstName, lastName: body.lastName } },
    });
  });

  it("is written for each read of a different entity, even during a flood of refused calls", async () => {
    const people = Array.from({ length: 25 }, (_, index) => `0198c0de-0000-7000-8000-0000000000${10 + index}`);
    await server.application.platform.database.transact(everyTenant, async (tx) => {
      for (const id of people) {
        await sql`insert into users (id, email, status, first_name, last_name, locale, created_at, updated_at)
          values (${id}, ${`${id}@example.com`}, 'Active', 'A', 'Reader', 'en', now(), now())`.execute(tx);
      }
    });
    // All concurrently, with a flood of refused calls from many addresses: more than are recorded in a second.
    const flood = Array.from({ length: 150 }, () =>
      server.call("GET /api/v1/iam/users/me", { token: `ghs_${"y".repeat(43)}`, from: anAddress() }),
    );
    const reads = people.map((id) => server.call(`GET /api/v1/users/${id}`, { token: administrator.token }));
    await Promise.all([...flood, ...reads]);
    const read = await everywhere({ actorId: administrator.id, action: "User.Read", limit: "200" });
    expect(new Set(read.map(({ entity }) => entity.id))).toEqual(new Set(people));
  });

  it("of a flood counts the calls that are not recorded one by one", async () => {
    // In a second of its own: the test before may have used up the refusals that are recorded in one second.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const tried = 140;
    for (let attempt = 0; attempt < tried; attempt += 1) {
      await server.call(`DELETE /api/v1/iam/organizations/${organization.id}/memberships/${unknownId}`, { token: member.token });
    }
    const records = await recorded({ actorId: member.id, action: "Member.Removed", limit: "200" });
    expect(records.length).toBeLessThan(20);
    expect(records[0].standsFor).toBe(100);
  });
});

describe("GET /api/v1/audit/logs", () => {
  it("needs a permission: a member without it gets 403, a non-member 404, and an internal auditor sees every chain", async () => {
    expectRead(await logs({ organizationId: organization.id }));
    expectRead(await logs({ organizationId: organization.id }, administrator.token));
    expectError(await logs({ organizationId: organization.id }, member.token), 403, "auth.permission_denied");
    expectError(await logs({ organizationId: organization.id }, nonMember.token), 404, "audit.log_not_found");
    expectError(await logs({ organizationId: unknownId }, nonMember.token), 404, "audit.log_not_found");
    expectError(await logs({}, organization.owner.token), 404, "audit.log_not_found");
    expectError(await server.call("GET /api/v1/audit/logs"), 401, "auth.credential_required");
    expect(new Set((await everywhere({ limit: "200" })).map((one) => one.organizationId)).size).toBeGreaterThan(1);
  });

  it("filters by each field, and by a substring of the action without regard to case", async () => {
    const all = await recorded({ limit: "200" });
    const [one] = await recorded({ action: "Role.Permission.Added" });
    const cases: Readonly<Record<string, (record: AnyBody) => boolean>> = {
      actorId: (record) => record.actor.id === one.actor.id,
      principalId: (record) => record.principal.id === one.principal.id,
      credentialId: (record) => record.credential.id === one.credential.id,
      entityType: (record) => record.entity?.type === one.entity.type,
      entityId: (record) => record.entity?.id === one.entity.id,
      category: (record) => record.category === one.category,
      severity: (record) => record.severity === one.severity,
      result: (record) => record.result === one.result,
      traceId: (record) => record.traceId === one.traceId,
    };
    for (const [name, holds] of Object.entries(cases)) {
      const identity = { actorId: one.actor.id, principalId: one.principal.id, credentialId: one.credential.id };
      const value = { ...identity, entityType: one.entity.type, entityId: one.entity.id }[name] ?? one[name];
      const found = await recorded({ [name]: value, limit: "200", to: one.recordedAt });
      expect(found.length, name).toBeGreaterThan(0);
      expect(found.every(holds), name).toBe(true);
    }
    expect((await recorded({ action: "permission.ADDED" }))[0].id).toBe(one.id);
    expect(await recorded({ action: "%" })).toEqual([]);
    expect(await recorded({ from: "2100-01-01T00:00:00Z" })).toEqual([]);
    expect(await recorded({ to: all.at(-1).occurredAt })).toEqual([]);
  });

  it("lists page by page, newest first, and is itself audited", async () => {
    const first = await logs({ organizationId: organization.id, limit: "2" });
    const next = await logs({ organizationId: organization.id, limit: "2", cursor: first.body.nextCursor });
    const numbers = [...first.body.items, ...next.body.items].map(({ number }: AnyBody) => number);
    expect(numbers).toEqual([0, 1, 2, 3].map((back) => numbers[0] - back));
    expect((await recorded({ action: "AuditLog.Read" }))[0]).toMatchObject({
      category: "DataAccess",
      actor: { id: organization.owner.id },
    });
  });

  it.each([
    [{ severity: "Loud" }, "severity"],
    [{ from: "yesterday" }, "from"],
    [{ organizationId: "7" }, "organizationId"],
    [{ cursor: "forged" }, "cursor"],
    [{ unknown: "1" }, "unknown"],
  ])("rejects the filter %j", async (search, field) => {
    expectError(
      await logs({ organizationId: organization.id, ...search } as Record<string, string>),
      400,
      "common.validation_failed",
      field,
    );
  });
});

describe("POST /api/v1/audit/events", () => {
  const event = (body: object, token = organization.owner.token) =>
    server.call("POST /api/v1/audit/events", { token, body: { organizationId: organization.id, source: "camera-counting", ...body } });

  it("appends an application's event to the chain, with its personal data encrypted separately", async () => {
    const answer = await event({
      action: "camera.viewed",
      userId: "42",
      entityType: "camera",
      entityId: "12",
      severity: "Warning",
      result: "failed",
      failureReason: "offline",
      timestamp: "2026-01-02T03:04:05.678Z",
      details: { zone: "entrance", apiKey: "key-in-the-clear" },
      userName: "Lan Tran",
      ipAddress: "10.9.8.7",
      personalDetails: { badge: "B-7" },
    });
    expectWritten(answer, 201);
    expect(answer.body).toEqual({ id: expect.any(String), status: "logged" });
    const [record] = await recorded({ action: "camera.viewed" });
    expect(record).toMatchObject({
      id: answer.body.id,
      source: "camera-counting",
      category: "Business",
      severity: "Warning",
      result: "failed",
      reason: "offline",
      occurredAt: "2026-01-02T03:04:05.678Z",
      actor: { kind: "user", id: "42" },
      principal: { kind: "user", id: organization.owner.id },
      entity: { type: "camera", id: "12" },
      details: { recordedBy: organization.owner.id, details: { zone: "entrance", apiKey: "[secret]" } },
      personal: { userName: "Lan Tran", ipAddress: "10.9.8.7", personalDetails: { badge: "B-7" } },
    });
  });

  it.each([
    ["without an action", {}, "action"],
    ["with an unknown severity", { action: "a", severity: "Loud" }, "severity"],
    ["with more details than a record takes", { action: "a", details: { text: "x".repeat(17_000) } }, "details"],
    ["with a timestamp in the future", { action: "a", timestamp: "2100-01-01T00:00:00Z" }, "timestamp"],
    ["with a reserved source", { action: "User.Login", source: "gatehouse" }, "source"],
    ["with a source that looks like a reserved one", { action: "User.Login", source: "ＧateHouse " }, "source"],
    ["with an entity id that storage would alter", { action: "a", entityId: "\ufeffmark" }, "entityId"],
  ])("rejects an event %s", async (_what, body, field) => {
    expectError(await withoutTrace(server, () => event(body)), 400, "common.validation_failed", field);
  });

  it("needs the permission to write events, without an organization in the internal scope", async () => {
    expectError(await withoutTrace(server, () => event({ action: "a" }, member.token)), 403, "auth.permission_denied");
    expectError(await withoutTrace(server, () => event({ action: "a" }, nonMember.token)), 404, "audit.log_not_found");
    expectError(await withoutTrace(server, () => event({ action: "a", organizationId: unknownId })), 404, "audit.log_not_found");
    expectWritten(await event({ action: "a", organizationId: null }, administrator.token), 201);
  });
});

describe("audit exports", () => {
  const download = (search: Readonly<Record<string, string>>, token = organization.owner.token) =>
    server.call(`GET /api/v1/audit/export?${new URLSearchParams({ organizationId: organization.id, ...search })}`, { token });

  it("are returned as JSON Lines, oldest first", async () => {
    const all = await recorded({ action: "Role", limit: "200" });
    const answer = await download({ action: "Role" });
    expectRead(answer);
    expect(answer.headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
    expect(answer.headers["content-disposition"]).toBe('attachment; filename="audit-log.jsonl"');
    const lines = answer.body.trimEnd().split("\n");
    expect(lines.map((line: string) => JSON.parse(line))).toEqual(all.toReversed());
  });

  it("are returned as CSV in which a spreadsheet finds no formula", async () => {
    const formula = '=HYPERLINK("http://evil.example","click")';
    const body = { organizationId: organization.id, source: "shop", action: "order.placed", entityType: "order", entityId: formula };
    await server.call("POST /api/v1/audit/events", { token: organization.owner.token, body });
    await server.application.settled();
    const answer = await download({ action: "order.placed", format: "csv" });
    expect(answer.headers["content-type"]).toBe("text/csv; charset=utf-8");
    const [header, line, end] = answer.body.split("\r\n");
    expect(header).toMatch(/^organizationId,number,id,occurredAt,/);
    expect(line).toContain(`"'=HYPERLINK(""http://evil.example"",""click"")"`);
    expect(end).toBe("");
  });

  it("of any size are written by a job, in parts that concatenate to the file", async () => {
    const begun = await server.call("POST /api/v1/audit/exports", {
      token: organization.owner.token,
      body: { organizationId: organization.id, format: "csv" },
    });
    expectWritten(begun, 202);
    expect(begun.body).toMatchObject({ status: "Waiting", written: 0, organizationId: organization.id });
    const progress = () => server.call(`GET /api/v1/audit/exports/${begun.body.id}`, { token: organization.owner.token });
    await expect.poll(async () => (await progress()).body.status, { timeout: 20_000 }).toBe("Ready");
    const { body } = await progress();
    expect(body).toMatchObject({ total: begun.body.total, written: begun.body.total, parts: 1 });
    const part = (number: string, token = organization.owner.token) =>
      server.call(`GET /api/v1/audit/exports/${body.id}/parts/${number}`, { token });
    const file = await part("1");
    expectRead(file);
    expect(file.body.split("\r\n").length).toBe(body.total + 2);
    expectError(await part("2"), 409, "audit.export_not_ready");
    expectError(await part("0"), 400, "common.validation_failed", "part");
    expectError(await part("1", member.token), 403, "auth.permission_denied");
    expectError(await part("1", nonMember.token), 404, "audit.export_not_found");
    expectRead(await part("1", administrator.token));
    expectError(await server.call(`GET /api/v1/audit/exports/${unknownId}`, { token: nonMember.token }), 404, "audit.export_not_found");
  });

  it("are encrypted in the database", async () => {
    const { rows } = await sql<{ ciphertext: string }>`select ciphertext from audit_export_parts`.execute(
      server.application.platform.database.owner,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ ciphertext }) => ciphertext.startsWith("g2."))).toBe(true);
  });

  it("are limited: with too many records in stored exports no further export starts", async () => {
    const other = await newOrganization(server);
    const start = () => server.call("POST /api/v1/audit/exports", { token: other.owner.token, body: { organizationId: other.id } });
    const { body } = await start();
    expectWritten(await start(), 202);
    await sql`update audit_exports set total = 5000000 where id = ${body.id}`.execute(server.application.platform.database.owner);
    expectError(await withoutTrace(server, start), 409, "audit.too_many_exports");
  });

  it("are refused to a member without the permission and to a non-member", async () => {
    expectError(await download({}, member.token), 403, "auth.permission_denied");
    expectError(await download({}, nonMember.token), 404, "audit.log_not_found");
    const start = (token: string) => server.call("POST /api/v1/audit/exports", { token, body: { organizationId: organization.id } });
    expectError(await withoutTrace(server, () => start(member.token)), 403, "auth.permission_denied");
    expectError(await withoutTrace(server, () => start(nonMember.token)), 404, "audit.log_not_found");
  });
});

describe("an erased person", () => {
  it("is in no record and no pending entry of the audit log, and every chain still verifies", async () => {
    const person = await newPerson(server, "forgetme");
    const roles = await rolesOf(server, organization);
    await joinAs(server, organization, person, roles["Member"] as string);
    await server.application.settled();
    const about = async () => JSON.stringify([await everywhere({ limit: "200" }), await recorded({ limit: "200" })]);
    expect(await about()).toContain(person.email);
    const erase = (token: string, body: object = { userId: person.id }) => server.call("POST /api/v1/audit/persons/erase", { token, body });
    expectError(await withoutTrace(server, () => erase(organization.owner.token)), 403, "auth.permission_denied");
    expectError(await withoutTrace(server, () => erase(administrator.token, {})), 400, "common.validation_failed", "userId");
    const { length } = await recorded({ limit: "200" });
    expectWritten(await erase(administrator.token), 200);
    expect(await about()).not.toContain(person.email);
    expect((await recorded({ limit: "200" })).length).toBeGreaterThanOrEqual(length);
    expect(await recorded({ actorId: person.id })).toMatchObject([{ erased: true, personal: {} }]);
    const { rows } = await sql<{ row: string }>`select to_jsonb(t)::text as row from audit_entries t`.execute(
      server.application.platform.database.owner,
    );
    expect(JSON.stringify(rows)).not.toContain(person.email);
    for (const organizationId of [organization.id, null]) {
      expect((await asOperator(server, "audit.verifyChain", { organizationId })).findings).toEqual([]);
    }
    expect((await asOperator(server, "audit.verifyConsistency", {})).findings).toEqual([]);
  });
});

describe("a person who is erased while an entry about them is pending", () => {
  it("is neither in the earlier entry nor in the entry of the erasure", async () => {
    const person = await newPerson(server, "pending");
    const erased = await server.call("POST /api/v1/audit/persons/erase", {
      token: administrator.token,
      body: { userId: person.id, email: person.email },
    });
    expectWritten(erased, 200);
    await server.application.settled();
    const { rows } = await sql<{ row: string }>`select to_jsonb(t)::text as row from audit_entries t`.execute(
      server.application.platform.database.owner,
    );
    expect(rows.filter(({ row }) => row.includes(person.email))).toEqual([]);
    const [record] = await everywhere({ entityId: person.id, action: "Person.Erased" });
    expect(record).toMatchObject({ details: { input: { email: "[personal]" }, after: { keys: expect.any(Array) } } });
    expect(JSON.stringify(record.personal)).not.toContain(person.email);
  });
});

describe("a person who is erased while many exports are stored", () => {
  it("is in none of them: the exports are removed in several transactions", async () => {
    const database = server.application.platform.database.owner;
    await sql`insert into audit_exports (id, every_tenant, format, search, status, last_position, total, created_at)
      select gen_random_uuid(), true, 'jsonl', '{}', 'Ready', 0, 0, now() - interval '1 second' from generate_series(1, 25)`.execute(
      database,
    );
    const person = await newPerson(server, "exported");
    await server.application.settled();
    const body = { userId: person.id };
    expectWritten(await server.call("POST /api/v1/audit/persons/erase", { token: administrator.token, body }), 200);
    const { rows } = await sql`select from audit_exports`.execute(database);
    expect(rows).toEqual([]);
  });
});

describe("audit retention", () => {
  it("removes old records below a signed truncation, and the rest of the chain verifies", async () => {
    const old = await newOrganization(server);
    await server.application.settled();
    expect((await asOperator(server, "audit.removeOld", {})).chains).toBe(0);
    server.clock.advance(731 * 86_400);
    try {
      expect((await asOperator(server, "audit.removeOld", {})).chains).toBeGreaterThan(1);
      const verified = await asOperator(server, "audit.verifyChain", { organizationId: old.id });
      expect(verified).toMatchObject({ findings: [], begins: 2, checked: 0, length: 0 });
      const entries = await sql<{
        left: string;
      }>`select count(*)::text as left from audit_entries where organization_id = ${old.id}`.execute(
        server.application.platform.database.owner,
      );
      expect(entries.rows[0]?.left).toBe("0");
      expect((await asOperator(server, "audit.verifyConsistency", {})).findings).toEqual([]);
    } finally {
      server.clock.advance(-731 * 86_400);
    }
    await server.application.settled();
    const body = { organizationId: old.id, source: "shop", action: "order.placed" };
    await server.call("POST /api/v1/audit/events", { token: old.owner.token, body });
    await server.application.settled();
    expect(await asOperator(server, "audit.verifyChain", { organizationId: old.id })).toMatchObject({
      findings: [],
      begins: 2,
      checked: 1,
    });
  });
});

describe("GET /.well-known/audit-keys.json", () => {
  it("returns the public keys and nothing else", async () => {
    const answer = await server.call("GET /.well-known/audit-keys.json");
    expectRead(answer);
    expect(answer.body).toEqual({
      keys: [{ kty: "OKP", crv: "Ed25519", x: expect.stringMatching(/^[\w-]{43}$/), kid: expect.any(String), use: "sig", alg: "EdDSA" }],
    });
  });
});

describe("audit metrics", () => {
  it("count records by category, severity, result and action, and report the lag", async () => {
    const { body } = await server.call("GET /metrics");
    expect(body).toMatch(/gatehouse_audit_records_total\{category="Security",severity="Warning",result="refused",action="User.Login"\} \d/);
    expect(body).toMatch(/gatehouse_audit_records_total\{category="Business",severity="Info",result="success",action="Application"\} \d/);
    expect(body).toMatch(/gatehouse_audit_lag_seconds \d/);
  });
});

describe("the event log's retention", () => {
  it("retains the events of a command whose entry is in no chain yet", async () => {
    await server.application.settled();
    const undone = new Error("undone");
    await expect(
      server.application.platform.database.transact(everyTenant, async (tx) => {
        expect(await appenderOfLog.positions(tx as never)).toEqual([]);
        await sql`insert into audit_entries (id, operation, caller_kind, input, trace_id, occurred_at)
          values (${randomUUID()}, 'authentication.register', 'anonymous', '{}', '', now())`.execute(tx);
        const { rows } = await sql<{ transaction: string }>`select pg_current_xact_id()::text as transaction`.execute(tx);
        expect(await appenderOfLog.positions(tx as never)).toEqual([{ name: "audit.chain-appender", ...rows[0], sequence: "0" }]);
        throw undone;
      }),
    ).rejects.toBe(undone);
  });
});

describe("forwarding to an audit log management", () => {
  it("is off by default; if on, each record becomes an event without personal data", async () => {
    const count = async (on: TestServer): Promise<AnyBody[]> => {
      await on.application.settled();
      const { rows } = await sql<{
        data: AnyBody;
      }>`select data from events where type = 'audit-log.requested.v1' order by sequence`.execute(on.application.platform.database.owner);
      return rows.map(({ data }) => data);
    };
    expect(await count(server)).toEqual([]);
    const forwarding = await startTestServer({ GATEHOUSE_AUDIT_FORWARD: "on" });
    try {
      const person = await newPerson(forwarding, "forwarded");
      const events = await count(forwarding);
      const { events: declared } = forwarding.application.kernel.catalogue;
      const schema = declared.find(({ type }) => type === "audit-log.requested.v1")?.data as never;
      expect(events.every((data) => Value.Check(schema, data))).toBe(true);
      expect(events.find(({ actionType }) => actionType === "User.Login")).toMatchObject({
        initiator: { type: "User", id: person.id },
        boundedContext: "IAM",
        category: "Security",
        severity: "Info",
        entityType: "User",
        entityId: person.id,
        tenantId: null,
        status: "Success",
        failureReason: null,
      });
      expect(JSON.stringify(events)).not.toContain(person.email);
    } finally {
      await forwarding.close();
    }
  });
});
