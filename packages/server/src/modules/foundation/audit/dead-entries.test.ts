import { eventually } from "@gatehouse/testing/eventually.ts";
import type { OrganizationOf, Person } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { deadEntryAction, entryConsumer } from "./dead-entry-store.ts";
import { forwardConsumer } from "./forward.ts";

const world = World.ofSuite(["other"], { GATEHOUSE_AUDIT_FORWARD: "on" });
const { server } = world;
let administrator: Person;
let organization: OrganizationOf;
let other: OrganizationOf;
beforeAll(() => {
  ({ administrator, organization } = world);
  other = world.other.organization;
});

const owner = () => server.application.platform.database.owner;

/** The database refuses to store the record of an event about the entity `bad`. */
const refuseRecords = async (): Promise<void> => {
  await sql`create function refuse_record() returns trigger language plpgsql as $$ begin
    raise exception 'this record cannot be written'; end $$`.execute(owner());
  await sql`create trigger refuse_record before insert on audit_records for each row
    when (new.entity_id like 'bad%') execute function refuse_record()`.execute(owner());
};
const acceptRecords = () => sql`drop function if exists refuse_record() cascade`.execute(owner());
afterEach(acceptRecords);

const record = async ({ id, owner: by }: OrganizationOf, entityId: string, more: object = {}): Promise<string> => {
  const body = { organizationId: id, source: "tests", action: "thing.seen", entityType: "Thing", entityId, ...more };
  const answer = await server.call("POST /api/v1/audit/events", { token: by.token, body });
  expect(answer.status).toBe(201);
  return answer.body.id;
};
const logs = async ({ id, owner: by }: OrganizationOf): Promise<AnyBody[]> =>
  (await server.call(`GET /api/v1/audit/logs?organizationId=${id}&limit=200`, { token: by.token })).body.items;
const recordIds = async (of: OrganizationOf) => (await logs(of)).map(({ id }) => id);
const deadLetters = async (): Promise<AnyBody[]> =>
  (await asOperator(server, "operations.listDeadLetters", { consumer: entryConsumer })).items;
const consistencyFindings = async (): Promise<string[]> => {
  await server.application.settled();
  return (await asOperator(server, "audit.verifyConsistency", {})).findings.map(({ kind }: AnyBody) => kind);
};
const chainFindings = async () => (await asOperator(server, "audit.verifyChain", { organizationId: organization.id })).findings;
const standIns = async (entryId: string) =>
  (await logs(organization)).filter(({ action, entity }) => action === deadEntryAction && entity.id === entryId);

/** An entry that was dead-lettered. */
async function deadEntry(entityId: string, more: object = {}): Promise<string> {
  await refuseRecords();
  const id = await record(organization, entityId, more);
  await eventually(async () => (await deadLetters()).map((letter) => letter.id)).toContain(id);
  return id;
}

describe("an audit entry that cannot be appended", () => {
  it("blocks no other, has a stand-in in its chain, and is appended when an operator redrives it", { timeout: 60_000 }, async () => {
    const bad = await deadEntry("bad");
    const [after, elsewhere] = [await record(organization, "after"), await record(other, "elsewhere")];
    await eventually(() => recordIds(organization)).toContain(after);
    await eventually(() => recordIds(other)).toContain(elsewhere);
    expect(await recordIds(organization)).not.toContain(bad);
    expect(await standIns(bad)).toMatchObject([
      {
        severity: "Critical",
        result: "failed",
        entity: { type: "AuditEntry", id: bad },
        details: { entryHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    ]);
    expect(await deadLetters()).toMatchObject([
      { id: bad, topic: "audit.recordEvent", attempts: 1, failure: "this record cannot be written" },
    ]);
    // The chain is valid, and the verifier reports the dead letter.
    expect(await chainFindings()).toEqual([]);
    expect(await consistencyFindings()).toEqual(["dead_lettered"]);

    await asOperator(server, "operations.redriveDeadLetters", { consumer: entryConsumer, id: bad });
    await eventually(async () => (await deadLetters()).map(({ attempts }) => attempts)).toEqual([2]);
    expect(await standIns(bad)).toHaveLength(1);

    await acceptRecords();
    expect(await asOperator(server, "operations.redriveDeadLetters", { consumer: entryConsumer })).toEqual({ redriven: 1 });
    await eventually(() => recordIds(organization)).toContain(bad);
    expect((await logs(organization)).find(({ id }) => id === bad)).toMatchObject({
      entity: { type: "Thing", id: "bad" },
      result: "success",
    });
    expect(await deadLetters()).toEqual([]);
    expect(await chainFindings()).toEqual([]);
    expect(await consistencyFindings()).toEqual([]);
  });

  it("is reported if it is changed or deleted while it is a dead letter, but not if an operator drops it", {
    timeout: 60_000,
  }, async () => {
    const bad = await deadEntry("bad too");
    await sql`alter table audit_entries disable trigger added_to_only`.execute(owner());
    await sql`update audit_entries set input = input || '{"action":"thing.forged"}' where id = ${bad}`.execute(owner());
    expect(await consistencyFindings()).toEqual(["changed"]);
    await sql`update audit_entries set input = input || '{"action":"thing.seen"}' where id = ${bad}`.execute(owner());
    expect(await consistencyFindings()).toEqual(["dead_lettered"]);
    await sql`update audit_entries set principal_id = 'another' where id = ${bad}`.execute(owner());
    expect(await consistencyFindings()).toEqual(["changed"]);
    await sql`update audit_entries set principal_id = ${organization.owner.id} where id = ${bad}`.execute(owner());
    expect(await consistencyFindings()).toEqual(["dead_lettered"]);
    await sql`alter table audit_entries enable trigger added_to_only`.execute(owner());
    await asOperator(server, "operations.dropDeadLetter", { consumer: entryConsumer, id: bad });
    expect(await consistencyFindings()).toEqual([]);
  });

  it("counts as unchanged if its stand-in has the hash of an older release", { timeout: 60_000 }, async () => {
    const bad = await deadEntry("bad of before");
    const { rows } = await sql<{ hash: string }>`select encode(sha256(convert_to(jsonb_build_array(id, operation, caller_kind, user_id,
      session_id, organization_id, input, personal, before, after, entity_type, entity_id, ip_address, user_agent, trace_id, request_id,
      extract(epoch from occurred_at), result, reason, stands_for)::text, 'UTF8')), 'hex') as hash from audit_entries where id = ${bad}`.execute(
      owner(),
    );
    const standInHas = (hash: string | undefined) =>
      owner()
        .transaction()
        .execute(async (tx) => {
          await sql`set local session_replication_role = replica`.execute(tx);
          await sql`update audit_records set details = ${JSON.stringify({ entryHash: hash })}
            where action = ${deadEntryAction} and entity_id = ${bad}`.execute(tx);
        });
    const [standIn] = await standIns(bad);
    expect(standIn?.details.entryHash).not.toBe(rows[0]?.hash);
    await standInHas(rows[0]?.hash);
    expect(await consistencyFindings()).toEqual(["dead_lettered"]);
    await standInHas("0".repeat(64));
    expect(await consistencyFindings()).toEqual(["changed"]);
    await standInHas(standIn?.details.entryHash);
    await asOperator(server, "operations.dropDeadLetter", { consumer: entryConsumer, id: bad });
    expect(await consistencyFindings()).toEqual([]);
    expect(await chainFindings()).toEqual([]);
  });

  it("is not deleted with appended entries, but with the data of its person", { timeout: 60_000 }, async () => {
    const userId = "person-17";
    const bad = await deadEntry("bad person", { userId, userName: "Ada Example" });
    const stored = async () => (await sql<{ id: string }>`select id from audit_entries where id = ${bad}`.execute(owner())).rows.length;
    // Appended entries are removed after a day.
    server.clock.advance(2 * 86_400);
    await asOperator(server, "audit.removeOld", {});
    server.clock.advance(-2 * 86_400);
    expect(await stored()).toBe(1);
    const body = { userId };
    expect((await server.call("POST /api/v1/audit/persons/erase", { token: administrator.token, body })).status).toBe(200);
    expect(await stored()).toBe(0);
    expect(await deadLetters()).toEqual([]);
    expect(await consistencyFindings()).toEqual([]);
  });
});

describe("a record that cannot be forwarded", () => {
  const breakForwarding = async (): Promise<void> => {
    await sql`create function refuse_event() returns trigger language plpgsql as $$ begin raise exception 'this event cannot be written'; end $$`.execute(
      owner(),
    );
    await sql`create trigger refuse_event before insert on events for each row
      when (new.type = 'audit-log.requested.v1' and new.data->>'entityId' = 'stays') execute function refuse_event()`.execute(owner());
  };
  const mendForwarding = () => sql`drop function if exists refuse_event() cascade`.execute(owner());
  afterEach(mendForwarding);
  const forwarded = async (id: string) =>
    (await sql`select from events where type = 'audit-log.requested.v1' and data->>'recordId' = ${id}`.execute(owner())).rows.length;

  it("stays in its chain and becomes a dead letter that a redrive forwards", { timeout: 60_000 }, async () => {
    await breakForwarding();
    const [stays, goes] = [await record(organization, "stays"), await record(organization, "goes")];
    await eventually(() => recordIds(organization)).toEqual(expect.arrayContaining([stays, goes]));
    expect(await forwarded(goes)).toBe(1);
    expect(await forwarded(stays)).toBe(0);
    expect((await asOperator(server, "operations.listDeadLetters", { consumer: forwardConsumer })).items).toMatchObject([
      { id: stays, failure: "this event cannot be written" },
    ]);
    await mendForwarding();
    await asOperator(server, "operations.redriveDeadLetters", { consumer: forwardConsumer });
    await eventually(() => forwarded(stays)).toBe(1);
    expect((await asOperator(server, "operations.listDeadLetters", { consumer: forwardConsumer })).items).toEqual([]);
    expect(await forwarded(goes)).toBe(1);
  });
});

describe("a record whose details are no longer JSON", () => {
  it("is listed and exported with its other fields, and reported by the verifier", async () => {
    const id = await record(other, "spoiled");
    await eventually(() => recordIds(other)).toContain(id);
    await sql`alter table audit_records disable trigger added_to_only`.execute(owner());
    await sql`update audit_records set details = '{no json' where id = ${id}`.execute(owner());
    await sql`alter table audit_records enable trigger added_to_only`.execute(owner());
    expect((await logs(other)).find((log) => log.id === id)).toMatchObject({ details: { unreadable: "{no json" } });
    const { token } = other.owner;
    expect((await server.call(`GET /api/v1/audit/export?organizationId=${other.id}&format=csv`, { token })).status).toBe(200);
    const { findings } = await asOperator(server, "audit.verifyChain", { organizationId: other.id });
    expect(findings).toMatchObject([{ kind: "changed" }]);
  });
});
