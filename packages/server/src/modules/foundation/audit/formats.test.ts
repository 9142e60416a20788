import { createHash } from "node:crypto";
import type { OrganizationOf, Person } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { appenderStore } from "./chain-store.ts";
import { hashOfRecord } from "./record.ts";
import { Signers } from "./signers.ts";
import type { StoredRecord } from "./store.ts";
import { verifyFile } from "./verify-file.ts";

// An installation that was upgraded has records and entries of the release before, which had neither principal nor credential.
const world = World.ofSuite();
const { server } = world;
let organization: OrganizationOf;
let administrator: Person;
beforeAll(() => {
  ({ organization, administrator } = world);
});

const logs = async (search: Readonly<Record<string, string>> = {}): Promise<AnyBody[]> => {
  await server.application.settled();
  const query = new URLSearchParams({ organizationId: organization.id, limit: "200", ...search });
  const answer = await server.call(`GET /api/v1/audit/logs?${query}`, { token: administrator.token });
  expect(answer.status).toBe(200);
  return answer.body.items;
};
const rename = (name: string) =>
  server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token: organization.owner.token, body: { name } });

/** The hash of the first format, written out: the release that computed it is gone. */
const firstFormatHash = (row: StoredRecord, previousHash: string): string =>
  createHash("sha256")
    .update(
      JSON.stringify([
        "gatehouse.audit.record.v1",
        previousHash,
        row.organization_id,
        row.number,
        row.id,
        row.transaction,
        row.occurred_at.toISOString(),
        row.recorded_at.toISOString(),
        row.source,
        row.operation,
        row.action,
        row.category,
        row.severity,
        row.result,
        row.reason,
        row.actor_kind,
        row.actor_id,
        row.session_id,
        row.entity_type,
        row.entity_id,
        row.trace_id,
        row.request_id,
        row.stands_for,
        row.details,
        row.personal_hashes,
      ]),
    )
    .digest("hex");

/** Converts the organization's records to the first format: without principal and credential, with its hashes and a signed head. */
async function turnIntoFirstFormat(): Promise<number> {
  const { platform } = server.application;
  let count = 0;
  const none = { principal_kind: null, principal_id: null, credential_kind: null, credential_id: null };
  await platform.database.owner.transaction().execute(async (tx) => {
    const store = appenderStore(tx);
    await sql`set local session_replication_role = replica`.execute(tx);
    const rows = await store.chainPage(organization.id, 0, 1_000, 1_000);
    count = rows.length;
    let head = rows[0]?.previous_hash as string;
    for (const row of rows) {
      const hash = firstFormatHash(row, head);
      await sql`update audit_records set previous_hash = ${head}, hash = ${hash}, principal_kind = null, principal_id = null,
        credential_kind = null, credential_id = null where id = ${row.id}`.execute(tx);
      expect(hashOfRecord({ ...row, ...none, previous_hash: head })).toBe(hash);
      head = hash;
    }
    const signer = await new Signers(platform.keys).current(store, new Date());
    const about = { organizationId: organization.id, number: rows.length, hash: head };
    await store.saveHead({
      organization_id: organization.id,
      number: rows.length,
      hash: head,
      ...signer.sign({ kind: "head", ...about }, new Date()),
    });
  });
  return count;
}

const findings = async () => (await asOperator(server, "audit.verifyChain", { organizationId: organization.id })).findings;

it("a chain with records of both formats verifies, is searchable by principal and credential, and exports to a file that verifies", async () => {
  await rename(`Before ${organization.id}`);
  await server.application.settled();
  const before = await turnIntoFirstFormat();
  expect(before).toBeGreaterThan(1);
  const former = (await logs()).filter(({ number }) => number <= before);
  expect(former.every(({ principal, credential }) => principal === null && credential === null)).toBe(true);
  await rename(`After ${organization.id}`);

  const all = await logs();
  const newest: AnyBody = all.find(({ action }) => action === "Organization.Updated");
  const oldest: AnyBody = all.at(-1);
  expect(newest["number"]).toBeGreaterThan(before);
  expect(newest).toMatchObject({ principal: { kind: "user", id: organization.owner.id } });
  expect(oldest).toMatchObject({ principal: null, actor: { kind: "user", id: organization.owner.id } });
  expect(await findings()).toEqual([]);
  expect((await asOperator(server, "audit.verifyConsistency", {})).findings).toEqual([]);

  const byPrincipal = await logs({ principalId: organization.owner.id });
  expect(byPrincipal.map(({ id }) => id)).toEqual(expect.arrayContaining([newest["id"], oldest["id"]]));
  const session = newest["credential"].id;
  const bySession = all.filter(({ actor }) => actor.sessionId === session);
  expect((await logs({ credentialId: session })).map(({ id }) => id)).toEqual(bySession.map(({ id }) => id));
  expect(bySession.some(({ credential }) => credential === null)).toBe(true);

  const exported = await server.call(`GET /api/v1/audit/export?organizationId=${organization.id}&format=jsonl`, {
    token: administrator.token,
  });
  const lines = (exported.body as string).trim().split("\n");
  const { wrong, chains } = await verifyFile(linesOf(lines), [], undefined);
  expect(wrong).toEqual([]);
  expect(chains[0]?.records).toBe(lines.length);
  // A file of an older release does not have these fields.
  const formerLines = lines.slice(0, before).map((line) => {
    const { principal: _principal, credential: _credential, ...fields } = JSON.parse(line);
    return JSON.stringify(fields);
  });
  expect((await verifyFile(linesOf(formerLines), [], undefined)).wrong).toEqual([]);
});

async function* linesOf(lines: readonly string[]): AsyncIterable<string> {
  yield* lines;
}

it("a principal that is added to a record of the first format is reported", async () => {
  const owner = server.application.platform.database.owner;
  await owner.transaction().execute(async (tx) => {
    await sql`set local session_replication_role = replica`.execute(tx);
    await sql`update audit_records set principal_kind = 'user', principal_id = ${administrator.id}
      where organization_id = ${organization.id} and number = 1`.execute(tx);
  });
  expect((await findings()).map(({ kind, number }: AnyBody) => `${kind} ${number}`)).toEqual(["changed 1"]);
  await owner.transaction().execute(async (tx) => {
    await sql`set local session_replication_role = replica`.execute(tx);
    await sql`update audit_records set principal_kind = null, principal_id = null
      where organization_id = ${organization.id} and number = 1`.execute(tx);
  });
  expect(await findings()).toEqual([]);
});

it.each([
  ["a command", "access.createRole", "success", { action: "Role.Created", category: "Security", severity: "Warning" }],
  ["a refused query", "tenancy.getOrganization", "refused", { action: "Read.Refused", category: "DataAccess", severity: "Warning" }],
  ["an import", "installation.import", "success", { action: "Installation.Imported", category: "System", severity: "Critical" }],
  ["an operation that this release does not have", "tenancy.gone", "success", { action: "tenancy.gone", category: "Business" }],
])("an entry of %s that an older release wrote is appended with its action and principal", async (_what, operation, result, expected) => {
  const [userId, sessionId] = [administrator.id, "0198c0de-0000-7000-8000-0000000000aa"];
  await server.application.platform.database.transact(everyTenant, async (tx) => {
    await sql`insert into audit_entries (id, operation, caller_kind, user_id, session_id, organization_id, input, trace_id, occurred_at,
        result, entity_id)
      values (gen_random_uuid(), ${operation}, 'user', ${userId}, ${sessionId}, ${organization.id}, '{}', ${operation}, now(), ${result}, 'one')`.execute(
      tx,
    );
  });
  const [record] = await logs({ traceId: operation });
  expect(record).toMatchObject({
    ...expected,
    operation,
    result,
    actor: { kind: "user", id: userId, sessionId },
    principal: { kind: "user", id: userId },
    credential: { kind: "session", id: sessionId },
    entity: { type: operation === "access.createRole" ? "Role" : null, id: "one" },
  });
  expect(await findings()).toEqual([]);
});

it("an entry of a sign-in that an older release wrote is recorded with the user as principal", async () => {
  await server.application.platform.database.transact(everyTenant, async (tx) => {
    await sql`insert into audit_entries (id, operation, caller_kind, organization_id, input, trace_id, occurred_at, entity_id)
      values (gen_random_uuid(), 'authentication.login', 'anonymous', ${organization.id}, '{}', 'sign-in', now(), ${administrator.id})`.execute(
      tx,
    );
  });
  const [record] = await logs({ traceId: "sign-in" });
  expect(record).toMatchObject({
    action: "User.Login",
    actor: { kind: "user", id: administrator.id },
    principal: { kind: "user", id: administrator.id },
    credential: null,
  });
});
