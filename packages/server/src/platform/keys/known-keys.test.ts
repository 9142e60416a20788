import { randomBytes } from "node:crypto";
import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { everyTenant } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { aesKeys } from "./aes.ts";
import type { EncryptedField } from "./encrypted-field.ts";
import type { KeyRing } from "./keys.ts";
import { deleteOtherKeys, MasterKeyRefused, recordKey, refuseOtherKeys } from "./known-keys.ts";
import { keySteps } from "./schema-steps.ts";

const steps: readonly SchemaStep[] = [
  ...keySteps,
  {
    name: "0171_contract_secrets",
    why: "encrypted values",
    async up(db) {
      await sql`create table secrets (id text primary key, ciphertext text)`.execute(db);
      await sharedTable(db, "secrets");
    },
  },
];
const fields: readonly EncryptedField[] = [
  { table: "secrets", key: ["id"], column: "ciphertext", purpose: ([id]) => `secret ${id}` },
  { queue: "mails", field: "ciphertext", purpose: "mail" },
];

function suite(open: () => Promise<Fresh>): void {
  let fresh: Fresh;
  beforeAll(async () => {
    fresh = await open();
  });
  afterAll(() => fresh.close());
  beforeEach(async () => {
    await sql`truncate master_keys, secrets`.execute(fresh.database.owner);
  });
  const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const from = "GATEHOUSE_MASTER_KEY";
  const look = (keys: KeyRing | undefined) => fresh.database.read(everyTenant, (db) => refuseOtherKeys(db, { keys, from }, fields));
  const remember = (keys: KeyRing) => recordKey(fresh.database, { keys, from });
  const known = async () =>
    (await sql<{ name: string }>`select name from master_keys`.execute(fresh.database.owner)).rows.map((row) => row.name);
  const storeEncrypted = (keys: KeyRing, id = "one") =>
    sql`insert into secrets values (${id}, ${keys.encrypt("text", `secret ${id}`)})`.execute(fresh.database.owner);

  it("any key is accepted for a database without encrypted values, and only that key afterwards", async () => {
    expect(await look(undefined)).toEqual({ isUnused: true, isCurrentKnown: false });
    expect(await look(aesKeys(a))).toEqual({ isUnused: true, isCurrentKnown: false });
    await remember(aesKeys(a));
    await remember(aesKeys(a));
    expect(await known()).toEqual([aesKeys(a).current]);
    expect(await look(aesKeys(a))).toEqual({ isUnused: false, isCurrentKnown: true });
  });

  it("another key or no key is rejected with the name of the required key and the source of the wrong one", async () => {
    await remember(aesKeys(a));
    const other = look(aesKeys(b));
    await expect(other).rejects.toMatchObject({ exitCode: 78, name: "MasterKeyRefused" });
    await expect(other).rejects.toThrow(`filled with the master key ${aesKeys(a).current}`);
    await expect(other).rejects.toThrow(`the master key of ${from} is ${aesKeys(b).current}`);
    await expect(other).rejects.toThrow("docs/operations/keys.md");
    await expect(look(undefined)).rejects.toThrow(`there is no master key in ${from}`);
  });

  it("a key with the same name but another value is rejected", async () => {
    await sql`insert into master_keys (name, check_value) values (${aesKeys(b).current}, ${aesKeys(a).checkOf(aesKeys(a).current)})`.execute(
      fresh.database.owner,
    );
    await expect(look(aesKeys(b))).rejects.toBeInstanceOf(MasterKeyRefused);
  });

  it("a new key is accepted together with the previous one, and alone once everything is reencrypted", async () => {
    await remember(aesKeys(a));
    const both = aesKeys(b, [a]);
    expect(await look(both)).toEqual({ isUnused: false, isCurrentKnown: false });
    await remember(both);
    expect((await known()).sort()).toEqual([aesKeys(a).current, aesKeys(b).current].sort());
    // No value is encrypted with the previous key any more, although the rotation has not ended.
    expect(await look(aesKeys(b))).toMatchObject({ isCurrentKnown: true });
    await fresh.database.transact(everyTenant, (tx) => deleteOtherKeys(tx, both));
    expect(await known()).toEqual([aesKeys(b).current]);
    await expect(look(aesKeys(a))).rejects.toBeInstanceOf(MasterKeyRefused);
  });

  it("a missing previous key is reported by name while values are encrypted with it", async () => {
    await remember(aesKeys(a));
    await remember(aesKeys(b, [a]));
    await remember(aesKeys(c, [a, b]));
    await storeEncrypted(aesKeys(a));
    expect(await look(aesKeys(c, [a]))).toMatchObject({ isCurrentKnown: true });
    const missing = look(aesKeys(c, [b]));
    await expect(missing).rejects.toThrow(`The master key ${aesKeys(a).current} is missing`);
    await expect(missing).rejects.toThrow("secrets.ciphertext");
    await expect(missing).rejects.toThrow("GATEHOUSE_MASTER_KEYS_OLD");
  });

  it("the key of a database without a list of keys is found", async () => {
    await storeEncrypted(aesKeys(a));
    expect(await look(aesKeys(a))).toEqual({ isUnused: true, isCurrentKnown: false });
    await expect(look(aesKeys(b))).rejects.toThrow(`filled with the master key ${aesKeys(a).current}`);
    await expect(look(undefined)).rejects.toThrow(aesKeys(a).current);
  });

  it("a rejection records nothing", async () => {
    await remember(aesKeys(a));
    await expect(remember(aesKeys(b))).rejects.toBeInstanceOf(MasterKeyRefused);
    expect(await known()).toEqual([aesKeys(a).current]);
  });
}

describe("the master keys of a database: PGlite", () => suite(() => freshPglite(steps)));
describeOnPostgresql("the master keys of a database: PostgreSQL with a plain login", () => {
  suite(() => freshPostgresql(steps, "plain"));

  it("one of two concurrent first starts with different keys is rejected", async () => {
    const fresh = await freshPostgresql(steps, "plain");
    const starts = Array.from({ length: 8 }, () => aesKeys(randomBytes(32))).map((keys) =>
      recordKey(fresh.database, { keys, from: "a file" }),
    );
    const ended = await Promise.allSettled(starts);
    expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await fresh.close();
  });
});
