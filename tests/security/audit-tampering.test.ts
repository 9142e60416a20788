/** Attack 40 of docs/security/attacks.md. */
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { asOperator, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { everyTenant } from "../../packages/server/src/platform/database/database.ts";
import { type AttackedChain, attackedChain } from "./support/attacked-chain.ts";

let server: TestServer;
let chain: AttackedChain;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Each attack has its own chain with some records. */
const records = 8;
beforeEach(async () => {
  chain = await attackedChain(server, records);
});

describe("a chain of audit records", () => {
  it("an unchanged chain verifies", async () => {
    expect(await chain.findings()).toEqual([]);
    expect(await chain.consistency()).toEqual([]);
    expect(await chain.findings([await chain.head()])).toEqual([]);
  });

  it.each([
    ["what was done", sql`action = 'Nothing'`],
    ["when", sql`occurred_at = occurred_at + interval '1 millisecond'`],
    ["who", sql`actor_id = gen_random_uuid()::text`],
    ["whose rights were used", sql`principal_id = gen_random_uuid()::text`],
    ["by which credential", sql`credential_id = gen_random_uuid()::text`],
    ["to the format without a principal", sql`principal_kind = null, principal_id = null, credential_kind = null, credential_id = null`],
    ["what was acted on", sql`entity_id = 'another'`],
    ["before and after", sql`details = replace(details, 'Name', 'Nome')`],
    ["how it ended", sql`result = 'refused'`],
    ["from which transaction", sql`transaction = '1'`],
    ["its personal data's hash", sql`personal_hashes = '{}'`],
    ["its hash", sql`hash = repeat('0', 64)`],
    ["what it stands on", sql`previous_hash = repeat('0', 64)`],
  ])("verification finds a changed record: %s", async (_what, change) => {
    await chain.tamper(sql`update audit_records set ${change} where ${chain.here} and number = 4`);
    expect(await chain.findings()).toContain("changed 4-4");
    expect((await chain.findings()).every((one) => one.endsWith(" 4-4"))).toBe(true);
  });

  it("verification names every changed record, not only the first", async () => {
    await chain.tamper(sql`update audit_records set action = 'Nothing' where ${chain.here} and number in (2, 5, 7)`);
    expect(await chain.findings()).toEqual(["changed 2-2", "changed 5-5", "changed 7-7"]);
  });

  it("verification finds deleted records", async () => {
    await chain.tamper(sql`delete from audit_records where ${chain.here} and number in (3, 4, 6)`);
    expect(await chain.findings()).toEqual(["deleted 3-4", "deleted 6-6"]);
    await chain.tamper(sql`delete from audit_records where ${chain.here} and number = 1`);
    expect(await chain.findings()).toContain("deleted 1-1");
  });

  it("verification finds two swapped records", async () => {
    await chain.tamper(sql`update audit_records set number = -number where ${chain.here} and number in (3, 5)`);
    await chain.tamper(sql`update audit_records set number = 8 + number where ${chain.here} and number in (-3, -5)`);
    expect(await chain.findings()).toEqual(["reordered 3-3", "reordered 5-5"]);
  });

  it("verification finds that the newest records were deleted", async () => {
    await chain.tamper(sql`delete from audit_records where ${chain.here} and number > ${records - 2}`);
    expect(await chain.findings()).toEqual([`missing_at_the_end ${records - 1}-${records}`]);
  });

  it("verification finds that the newest records were deleted and the head was moved back", async () => {
    await chain.tamper(sql`delete from audit_records where ${chain.here} and number = ${records}`);
    await chain.tamper(sql`update audit_chains set number = ${records - 1},
      hash = (select hash from audit_records where ${chain.here} and number = ${records - 1}) where ${chain.here}`);
    expect(await chain.findings()).toEqual([`wrong_signature ${records - 1}-${records - 1}`]);
    expect(await chain.consistency()).toContainEqual(expect.stringContaining("missing_at_the_end"));
  });

  it("an external checkpoint shows that a chain was restored to an older state with its signed head", async () => {
    const old = await chain.head();
    await chain.rename(`Another name of ${chain.organization.id}`);
    await server.application.settled();
    const kept = await chain.head();
    await chain.tamper(sql`delete from audit_records where ${chain.here} and number = ${kept.number}`);
    await chain.tamper(sql`update audit_chains set number = ${old.number}, hash = ${old.hash}, signature = ${old.signature},
      signed_at = ${new Date(old.signedAt)} where ${chain.here}`);
    expect(await chain.findings()).toEqual([]);
    expect(await chain.findings([kept])).toEqual([`other_history ${kept.number}-${kept.number}`]);
    expect(await chain.findings([{ ...kept, number: old.number, hash: old.hash }])).toContain(
      `wrong_signature ${old.number}-${old.number}`,
    );
  });

  it("verification finds that a whole chain was deleted", async () => {
    for (const table of ["audit_records", "audit_personal", "audit_chains"]) {
      await chain.tamper(sql`delete from ${sql.table(table)} where ${chain.here}`);
    }
    const findings = await chain.consistency();
    expect(findings).toContainEqual(expect.stringMatching(/^missing_at_the_end: the signed total is \d+ chains with \d+ records/));
    expect(findings).toContainEqual(expect.stringContaining("is in the event log, but in no chain"));
  });

  it("verification finds a record that was added after the head", async () => {
    await chain.tamper(sql`insert into audit_records (organization_id, number, previous_hash, hash, id, transaction, occurred_at, recorded_at,
        source, operation, action, category, severity, result, actor_kind, trace_id, stands_for, details, personal_hashes)
      select organization_id, number + 1, hash, hash, gen_random_uuid(), transaction, occurred_at, recorded_at, source, operation, action,
        category, severity, result, actor_kind, trace_id, stands_for, details, personal_hashes
      from audit_records where ${chain.here} and number = ${records}`);
    expect(await chain.findings()).toEqual([`beyond_the_head ${records + 1}-${records + 1}`]);
  });

  it("verification finds changed and deleted personal data", async () => {
    await chain.tamper(sql`update audit_personal set ciphertext = ciphertext || 'A' where ${chain.here} and number = 2`);
    await chain.tamper(sql`delete from audit_personal where ${chain.here} and number = 6`);
    expect(await chain.findings()).toEqual(["personal_data_changed 2-2", "personal_data_changed 6-6"]);
  });

  it("verification finds a chain that was signed with an attacker's key", async () => {
    const { owner } = server.application.platform.database;
    const { rows } = await sql<{ public_key: string }>`select public_key from audit_signing_keys`.execute(owner);
    const { generateKeyPairSync } = await import("node:crypto");
    const foreign = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }) as string;
    await chain.tamper(sql`update audit_signing_keys set public_key = ${foreign}`);
    expect(await chain.findings()).toContain(`wrong_signature ${records}-${records}`);
    expect(await chain.consistency()).toContainEqual(expect.stringContaining("was not created by this installation, or was replaced"));
    await chain.tamper(sql`update audit_signing_keys set public_key = ${rows[0]?.public_key}`);
  });

  it("the application's login cannot change or delete records", async () => {
    const { database } = server.application.platform;
    await asOperator(server, "audit.signCheckpoints", {});
    for (const statement of [
      sql`update audit_records set action = 'Nothing' where ${chain.here}`,
      sql`delete from audit_records where ${chain.here}`,
      sql`update audit_personal set ciphertext = '' where ${chain.here}`,
      sql`delete from audit_personal where ${chain.here}`,
      sql`update audit_entries set operation = 'nothing' where ${chain.here}`,
      sql`truncate audit_records`,
      sql`delete from audit_checkpoints`,
    ]) {
      const tried = database.transact(everyTenant, (tx) => statement.execute(tx));
      await expect(tried).rejects.toThrow(/only added to|permission denied/);
    }
    expect(await chain.findings()).toEqual([]);
  });
});

// Another connection holds the appender's lock; embedded storage has one connection.
describeOnPostgresql("an audit entry that is not yet in the chain", () => {
  it("verification finds a deleted audit entry by the events of its command", async () => {
    const { database } = server.application.platform;
    const before = (await chain.consistency()).length;
    // While another connection holds the lock, the appender does not process the entry.
    await database.owner.transaction().execute(async (tx) => {
      await sql`select 1 from audit_progress for update`.execute(tx);
      await chain.rename(`Taken away of ${chain.organization.id}`);
      await sql`set local session_replication_role = replica`.execute(tx);
      await sql`delete from audit_entries where ${chain.here} and id = (select id from audit_entries where ${chain.here}
        order by sequence desc limit 1)`.execute(tx);
    });
    await chain.rename(`After it of ${chain.organization.id}`);
    await server.application.settled();
    expect(await chain.findings()).toEqual([]);
    expect((await chain.consistency()).length).toBe(before + 1);
  });
});
