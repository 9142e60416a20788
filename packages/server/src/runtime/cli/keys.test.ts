import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectOk } from "@gatehouse/testing/answers.ts";
import { beginGatehouse, runGatehouse } from "@gatehouse/testing/command-line.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { anAddress, newOrganization, type Person, registration } from "@gatehouse/testing/people.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { services } from "@gatehouse/testing/services.ts";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aesKeys, masterKeyName } from "#platform/keys/aes.ts";
import { nameOf, purposeOf } from "#platform/keys/encrypted-field.ts";
import { holderOf } from "../data-lock.ts";
import { encryptedFields, manifests } from "../modules.ts";

// Each test starts programs, which is slow on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 480_000 });

const newKey = () => randomBytes(32).toString("base64");
const keyNamed = (text: string) => masterKeyName(Buffer.from(text, "base64"));
const withoutLimits = { GATEHOUSE_SIGN_IN_LIMIT: "off" };

interface Encrypted {
  readonly person: Person;
  /** A registered user whose mail waits in the queue. */
  readonly newcomer: string;
  repeat(at: TestServer): Promise<string>;
}

/** Stores an answer to an Idempotency-Key and a mail in the queue: an encrypted value in a table and in a job. */
async function encryptSomething(server: TestServer): Promise<Encrypted> {
  const { owner: person } = await newOrganization(server);
  const name = `Once ${person.id}`;
  const repeat = async (at: TestServer) => {
    const { body } = await at.call("POST /api/v1/iam/organizations", {
      token: person.token,
      body: { name, slug: `once-${person.id}`, country: "VN" },
      headers: { "Idempotency-Key": "one" },
    });
    return body.id;
  };
  await repeat(server);
  const newcomer = registration();
  await expectOk(server.call("POST /api/v1/iam/auth/register", { from: anAddress(), body: newcomer }));
  return { person, newcomer: newcomer.email, repeat };
}

/** The chains' records, with the keys that sign them and the keys of people. */
async function appendAuditEntries({ application: { platform, kernel } }: TestServer): Promise<void> {
  const appender = manifests
    .flatMap((manifest) => manifest.background?.(platform, kernel.catalogue.byName) ?? [])
    .find(({ name }) => name === "audit.append-to-chains");
  await appender?.step();
}

describe("the master key of embedded storage", () => {
  let dataDir: string;
  let environment: Record<string, string>;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "gatehouse-rotate-"));
    environment = { GATEHOUSE_DATA_DIR: dataDir };
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));
  const key = () => readFileSync(join(dataDir, "master.key"), "utf8").trim();
  const older = () => join(dataDir, "master.key.old");

  it("is replaced, every value is re-encrypted, and every value decrypts as before", async () => {
    const first = await openTestServer({ ...withoutLimits, ...environment }, { begins: "migrated", worker: false });
    const { newcomer, repeat } = await encryptSomething(first);
    const answer = await repeat(first);
    await first.close();
    const before = key();
    const rotated = await runGatehouse(["keys", "rotate"], environment);
    expect(rotated, rotated.output).toMatchObject({ code: 0 });
    expect(rotated.output).toContain("jobs notifications.send-mail.sealed: 1 re-encrypted");
    expect(key()).not.toBe(before);
    expect(statSync(join(dataDir, "master.key")).mode & 0o777).toBe(0o600);
    expect(existsSync(older())).toBe(false);
    const looked = await openTestServer(environment, { worker: false });
    const { rows: audited } = await sql`select operation, caller_kind, after from audit_entries where operation = 'keys.rotate'`.execute(
      looked.application.platform.database.owner,
    );
    await looked.close();
    const after = { current: keyNamed(key()), reencrypted: expect.any(Number), undecryptable: 0 };
    expect(audited).toEqual([{ operation: "keys.rotate", caller_kind: "operator", after }]);
    const status = await runGatehouse(["keys", "status"], environment);
    expect(status.output).toContain(keyNamed(key()));
    expect(status.output).not.toContain(keyNamed(before));
    const second = await openTestServer({ ...withoutLimits, ...environment });
    expect(await repeat(second)).toBe(answer);
    expect((await second.mail(newcomer, "verify-email")).links).toHaveLength(1);
    await second.close();
  });

  it("that a killed rotation replaced is not replaced again: the next run completes the first", async () => {
    const first = await openTestServer({ ...withoutLimits, ...environment }, { begins: "migrated", worker: false });
    const { repeat } = await encryptSomething(first);
    const answer = await repeat(first);
    await first.close();
    // The state after a kill between the files and the first page.
    copyFileSync(join(dataDir, "master.key"), older());
    const made = newKey();
    writeFileSync(join(dataDir, "master.key"), `${made}\n`, { mode: 0o600 });
    const between = await openTestServer({ ...withoutLimits, ...environment }, { worker: false });
    expect(await repeat(between)).toBe(answer);
    await between.close();
    expect(await runGatehouse(["keys", "rotate"], environment)).toMatchObject({ code: 0 });
    expect(key()).toBe(made);
    expect(existsSync(older())).toBe(false);
  });

  it("that was deleted is reported: nothing starts, no key is generated, and the doctor reports it", async () => {
    const first = await openTestServer({ ...withoutLimits, ...environment }, { begins: "migrated", worker: false });
    await encryptSomething(first);
    await first.close();
    const made = key();
    rmSync(join(dataDir, "master.key"));
    for (const command of [["start"], ["keys", "rotate"]]) {
      const refused = await runGatehouse(command, { ...environment, PORT: "0", LOG_LEVEL: "silent" });
      expect(refused, command.join(" ")).toMatchObject({ code: 78, output: expect.stringContaining("there is no master key in") });
      expect(refused.output).toContain("docs/operations/keys.md");
      expect(existsSync(join(dataDir, "master.key"))).toBe(false);
    }
    expect(await runGatehouse(["doctor"], environment)).toMatchObject({
      code: 1,
      output: expect.stringContaining("there is no master key in"),
    });
    writeFileSync(join(dataDir, "master.key"), `${made}\n`, { mode: 0o600 });
    expect((await runGatehouse(["doctor"], environment)).output).toContain("ok    the master key is the database's");
    await (await openTestServer({ ...withoutLimits, ...environment }, { worker: false })).close();
  });

  it("is not rotated while a server runs on the data directory", async () => {
    const before = newKey();
    writeFileSync(join(dataDir, "master.key"), `${before}\n`, { mode: 0o600 });
    const server = beginGatehouse(["start"], { ...environment, PORT: "0", LOG_LEVEL: "silent" });
    await expect.poll(() => holderOf(dataDir)?.pid, { timeout: 180_000, interval: 50 }).toBe(server.child.pid);

    expect(await runGatehouse(["keys", "rotate"], environment)).toMatchObject({ code: 78 });
    expect(key()).toBe(before);
    server.child.kill("SIGTERM");
    await server.ended;
  });
});

describe("an encrypted value", () => {
  it("is in a declared column only, each with a purpose that decrypts it", async () => {
    const masterKey = newKey();
    const keys = aesKeys(Buffer.from(masterKey, "base64"));
    const server = await openTestServer(
      { ...withoutLimits, GATEHOUSE_DATA_DIR: "memory", GATEHOUSE_MASTER_KEY: masterKey },
      { begins: "migrated", worker: false },
    );
    await encryptSomething(server);
    await appendAuditEntries(server);
    const { owner } = server.application.platform.database;
    const { rows: columns } = await sql<{ schema: string; table: string; column: string }>`
      select c.table_schema as schema, c.table_name as table, column_name as column from information_schema.columns c
      join information_schema.tables t using (table_schema, table_name)
      where c.table_schema in ('public', 'jobs') and t.table_type = 'BASE TABLE' and data_type ~ 'char|text|json'`.execute(owner);
    const found = new Set<string>();
    for (const { schema, table, column } of columns) {
      const { rows } = await sql<{ value: string }>`select ${sql.ref(column)}::text as value from ${sql.id(schema, table)}
        where ${sql.ref(column)}::text ~ '(^|")g[12][.][A-Za-z0-9_.-]{38,}'`.execute(owner);
      if (rows.length > 0) found.add(schema === "jobs" ? `jobs.${column}` : `${table}.${column}`);
    }
    const declared = encryptedFields.map((place) => ("table" in place ? nameOf(place) : "jobs.data"));
    // Encrypted with the keys of people, which are encrypted themselves.
    expect(found.delete("audit_personal.ciphertext")).toBe(true);
    for (const place of ["audit_signing_keys.encrypted_private_key", "audit_person_keys.encrypted_key"]) expect(found).toContain(place);
    expect(found.size).toBeGreaterThan(4);
    for (const place of found) expect(declared, `${place} is encrypted and not declared (ModuleManifest.encrypted)`).toContain(place);
    for (const place of encryptedFields) {
      if (!("table" in place)) continue;
      const { rows } = await sql<{ key: string[]; value: string | null }>`
        select array[${sql.join(place.key.map((name) => sql`${sql.ref(name)}::text`))}] as key, ${sql.ref(place.column)} as value
        from ${sql.table(place.table)}`.execute(owner);
      for (const { key, value } of rows) {
        if (value !== null) expect(() => keys.decrypt(value, purposeOf(place, key)), nameOf(place)).not.toThrow();
      }
    }
    await server.close();
  });

  it("in a queue belongs to a queue of the product", () => {
    const queues = manifests.flatMap((manifest) => manifest.queues ?? []).map(({ name }) => name);
    for (const place of encryptedFields) if ("queue" in place) expect(queues).toContain(place.queue);
  });
});

describeOnPostgresql("the master key of servers on PostgreSQL", () => {
  let database: TestDatabase;
  let before: string;
  let after: string;
  beforeEach(async () => {
    database = await makeDatabase();
    [before, after] = [newKey(), newKey()];
  });
  afterEach(() => database.drop());
  const environment = (current: string, old: readonly string[] = []) => ({
    DATABASE_URL: database.url,
    GATEHOUSE_DATA_DIR: "memory",
    GATEHOUSE_MASTER_KEY: current,
    ...(old.length > 0 ? { GATEHOUSE_MASTER_KEYS_OLD: old.join(",") } : {}),
  });
  const open = (variables: Record<string, string>) => openTestServer({ ...withoutLimits, ...variables }, { worker: false });

  it("is rotated while they run: both processes decrypt values and cursors of either key, and afterwards the old key decrypts nothing", async () => {
    const [old, young] = [await open(environment(before, [after])), await open(environment(after, [before]))];
    const { person, repeat } = await encryptSomething(old);
    const answer = await repeat(old);
    await newOrganization(old, person);
    const page = (at: TestServer, cursor?: string) =>
      at.call(`GET /api/v1/iam/organizations?limit=1${cursor ? `&cursor=${cursor}` : ""}`, { token: person.token });
    const { nextCursor } = (await page(old)).body;
    expect((await page(young, nextCursor)).status).toBe(200);
    expect((await page(old, (await page(young)).body.nextCursor)).status).toBe(200);
    const rotated = await runGatehouse(["keys", "rotate"], environment(after, [before]));
    expect(rotated, rotated.output).toMatchObject({ code: 0 });
    expect(await repeat(old)).toBe(answer);
    await old.close();
    await young.close();
    const alone = await open(environment(after));
    expect(await repeat(alone)).toBe(answer);
    expect((await page(alone, nextCursor)).status).toBe(400);
    await alone.close();
  });

  it("is rotated once by two concurrent commands", async () => {
    const server = await open(environment(before, [after]));
    await encryptSomething(server);
    const both = await Promise.all([1, 2].map(() => runGatehouse(["keys", "rotate"], environment(after, [before]))));
    expect(both.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
    const counts = both.map(({ output }) => Number(/idempotency_keys\.answer: (\d+) re-encrypted/.exec(output)?.[1] ?? 0));
    expect(counts[0] as number).toBeGreaterThanOrEqual(0);
    expect((counts[0] as number) + (counts[1] as number)).toBe(1);
    await server.close();
  });

  it("is required by every command: another key is refused by name, and no value is lost", async () => {
    const server = await open(environment(before));
    await encryptSomething(server);
    await appendAuditEntries(server);
    await server.close();
    for (const command of [["start"], ["keys", "rotate"], ["audit", "verify"], ["projection", "verify"]]) {
      const refused = await runGatehouse(command, { ...environment(after), PORT: "0", LOG_LEVEL: "silent" });
      expect(refused, command.join(" ")).toMatchObject({ code: 78, output: expect.stringContaining(`master key ${keyNamed(before)}`) });
      expect(refused.output).toContain("docs/operations/keys.md");
      expect(refused.output).not.toMatch(/\n\s+at |tamper|changed|WRONG/);
    }
    for (const role of ["query", "command", "worker"]) {
      const variables = { ...environment(after), PORT: "0", LOG_LEVEL: "silent", GATEHOUSE_ROLE: role, NATS_URL: services.nats };
      expect(await runGatehouse(["start"], variables), role).toMatchObject({ code: 78, output: expect.stringContaining(keyNamed(before)) });
    }
    const doctor = await runGatehouse(["doctor"], environment(after));
    expect(doctor).toMatchObject({
      code: 1,
      output: expect.stringContaining(`WRONG The database was filled with the master key ${keyNamed(before)}`),
    });
    expect((await runGatehouse(["doctor"], environment(before))).output).toContain("ok    the master key is the database's");
    const status = await runGatehouse(["keys", "status"], environment(after));
    expect(status).toMatchObject({ code: 1, output: expect.stringContaining(`${keyNamed(before)} is missing`) });
    expect(await runGatehouse(["keys", "rotate"], environment(after, [before]))).toMatchObject({ code: 0 });
    expect(await runGatehouse(["audit", "verify"], environment(after))).toMatchObject({ code: 0 });
  });

  it("that is missing is reported by name as long as values are encrypted with it", async () => {
    const server = await open(environment(before));
    await encryptSomething(server);
    await server.close();
    await (await open(environment(after, [before]))).close();
    const refused = await runGatehouse(["start"], { ...environment(after), PORT: "0", LOG_LEVEL: "silent" });
    expect(refused).toMatchObject({ code: 78, output: expect.stringContaining(`The master key ${keyNamed(before)} is missing`) });
    expect(refused.output).toContain("GATEHOUSE_MASTER_KEYS_OLD");
  });

  it("of a file that is gone is not generated again", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-key-file-"));
    const inFile = { DATABASE_URL: database.url, GATEHOUSE_DATA_DIR: dataDir };
    await (await open(inFile)).close();
    const file = join(dataDir, "master.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    rmSync(file);
    const refused = await runGatehouse(["start"], { ...inFile, PORT: "0", LOG_LEVEL: "silent" });
    expect(refused).toMatchObject({ code: 78, output: expect.stringContaining(`there is no master key in ${file}`) });
    expect(existsSync(file)).toBe(false);
    rmSync(dataDir, { recursive: true });
  });
});
