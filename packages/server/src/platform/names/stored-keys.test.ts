import { type Fresh, freshPglite } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { violatedUnique } from "../database/driver-errors.ts";
import { nameKey } from "./name-key.ts";
import { addKeyColumn, type KeyColumn, takenRule } from "./stored-keys.ts";

const column: KeyColumn<"name_key"> = {
  table: "things",
  of: "name",
  key: "name_key",
  scope: "place",
  first: "is_ours",
  keyOf: nameKey,
};

let fresh: Fresh | undefined;
afterEach(async () => {
  await fresh?.close();
  fresh = undefined;
});

it("existing rows get keys: of confusable names the oldest gets the key, and the others refer to it", async () => {
  fresh = await freshPglite([]);
  const { owner } = fresh.database;
  const id = (number: number) => `0198c0de-0000-7000-8000-${String(number).padStart(12, "0")}`;
  const [here, there] = [id(901), id(902)];
  await sql`create table things (id uuid primary key, name text, place uuid, is_ours boolean, created_at timestamptz)`.execute(owner);
  const rows = [
    [1, "Admin", here, false],
    [2, "ADMIN", here, false],
    [3, "Аdmin", there, false],
    [4, "Admin", null, false],
    [5, "admin", null, true],
    [6, "\u200b", here, false],
    [7, "\u200b\u200b", here, false],
    [8, "Other", here, false],
  ] as const;
  for (const [number, name, place, isOurs] of rows)
    await sql`insert into things values (${id(number)}, ${name}, ${place}, ${isOurs}, ${new Date(number * 1_000)})`.execute(owner);
  await addKeyColumn(owner, column);
  const filled = await sql<Record<string, string>>`select name, name_key, name_key_holder from things order by created_at`.execute(owner);
  expect(filled.rows.map(({ name, name_key, name_key_holder }) => [name, name_key, name_key_holder])).toEqual([
    ["Admin", "admin", null],
    ["ADMIN", null, id(1)],
    ["Аdmin", "admin", null],
    ["Admin", null, id(5)],
    ["admin", "admin", null],
    ["\u200b", null, null],
    ["\u200b\u200b", null, null],
    ["Other", "other", null],
  ]);
  const insert = (number: number, place: string | null) =>
    sql`insert into things (id, place, name_key) values (${id(number)}, ${place}, 'admin')`.execute(owner);
  for (const place of [here, there, null]) {
    const error = await insert(20, place).catch((thrown: unknown) => thrown);
    expect(violatedUnique(error)).toBe("idx_things_confusable_name");
    expect(takenRule("idx_things_confusable_name")).toMatchObject({ rule: "confusable" });
  }
});

it("thousands of existing rows get keys", async () => {
  fresh = await freshPglite([]);
  const { owner } = fresh.database;
  await sql`create table things (id uuid primary key, name text, place uuid, is_ours boolean, created_at timestamptz)`.execute(owner);
  await sql`insert into things select gen_random_uuid(), 'Thing ' || n, null, false, now() from generate_series(1, 3500) n`.execute(owner);
  await addKeyColumn(owner, column);
  const { rows } = await sql<{ count: string }>`select count(*)::text as count from things where name_key is not null`.execute(owner);
  // "Thing 10" and "Thing lO" would have one key; these all differ.
  expect(rows[0]?.count).toBe("3500");
});
