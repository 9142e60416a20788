import { PGlite } from "@electric-sql/pglite";
import mysql from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Literal } from "../condition/condition.ts";
import { FilterError } from "./errors.ts";
import type { Filter, FilterOperand, FilterOperator } from "./filter.ts";
import { type SqlOptions, toSql } from "./sql.ts";

const compares = (attribute: string, operator: FilterOperator, value?: Literal | readonly Literal[]): Filter => ({
  kind: "compare",
  operator,
  left: { attribute },
  ...(value === undefined ? {} : { right: { value } }),
});
const of = (left: FilterOperand, operator: FilterOperator, right: FilterOperand): Filter => ({ kind: "compare", operator, left, right });
const columns: SqlOptions["columns"] = {
  id: { column: "id", type: "uuid" },
  name: { column: "name", type: "text" },
  size: { column: "size", type: "number" },
  seen: { column: "seen", type: "time" },
  tags: { column: "tags", type: "texts" },
  any: "any",
  other: "other",
};
const dialects = ["postgresql", "mariadb"] as const;

describe.each(dialects)("a filter in %s", (dialect) => {
  it("has no value in its text", () => {
    const secret = "x'; drop table users; --";
    for (const operator of ["equals", "not_equals", "starts_with", "ends_with", "includes"] as const) {
      const { text, values } = toSql(compares("name", operator, secret), { dialect, columns });
      expect(text).not.toContain("drop table");
      expect(values).toContain(secret);
    }
    expect(toSql(compares("tags", "contains_all", [secret, "b"]), { dialect, columns }).text).not.toContain("drop table");
    expect(toSql(compares("name", "in_network", [secret, "10.0.0.0/8"]), { dialect, columns }).text).not.toMatch(/drop table|10\.0/);
    expect(toSql(compares("size", "less_than", 4711), { dialect, columns }).text).not.toContain("4711");
  });

  it("is rejected by name of an attribute without a column", () => {
    expect(() => toSql(compares("colour", "equals", "red"), { dialect, columns })).toThrow(
      new FilterError("the attribute 'colour' has no column"),
    );
    for (const inherited of ["toString", "__proto__", "constructor"]) {
      expect(() => toSql(compares(inherited, "exists"), { dialect, columns })).toThrow(FilterError);
    }
  });

  it.each<[string, Filter]>([
    ["a time compared for equality", compares("seen", "equals", "2026-01-01")],
    ["a text compared as a time", compares("name", "before", "2026-01-01")],
    ["two undeclared columns", of({ attribute: "any" }, "equals", { attribute: "other" })],
    ["an undeclared column and values of several types", compares("any", "in", ["a", 1])],
    ["networks from a column", of({ value: "10.0.0.1" }, "in_network", { attribute: "name" })],
  ])("is rejected with %s", (_, filter) => expect(() => toSql(filter, { dialect, columns })).toThrow(FilterError));

  it("is constant without columns", () => {
    expect(toSql({ kind: "all", of: [] }, { dialect, columns })).toEqual({ text: "true", values: [] });
    expect(toSql({ kind: "any", of: [] }, { dialect, columns })).toEqual({ text: "false", values: [] });
    expect(toSql(of({ value: 1 }, "less_than", { value: 2 }), { dialect, columns })).toEqual({ text: "true", values: [] });
  });
});

it("SQL of a filter quotes identifiers and numbers parameters from the first", () => {
  const both: Filter = { kind: "all", of: [compares("a", "greater_than", 1.5), compares("a", "less_than", 7)] };
  expect(toSql(both, { dialect: "postgresql", columns: { a: 'we"ird' }, table: 't"', firstParameter: 3 })).toEqual({
    text: '("t"""."we""ird" > $3::numeric and "t"""."we""ird" < $4::bigint)',
    values: ["1.5", "7"],
  });
  expect(toSql(both, { dialect: "mariadb", columns: { a: "we`ird" }, table: "t`" }).text).toMatch(/^\(`t```\.`we``ird` > cast\(\? as/);
  expect(() => toSql(both, { dialect: "postgresql", columns: { a: "a\0" } })).toThrow(FilterError);
});

describe("PostgreSQL", () => {
  let database: PGlite;
  beforeAll(async () => {
    database = await PGlite.create();
    await database.exec(`
      create table things (id uuid primary key, name text, size bigint, seen timestamptz, tags text[]);
      insert into things select gen_random_uuid(), 'n' || i, i, now(), array['t' || i] from generate_series(1, 50) i;
      insert into things values ('00000000-0000-4000-8000-00000000000a', 'big', 9007199254740993, '2026-01-01T00:00:00.000999Z', '{}');
      create index on things (name); create index on things (size); create index on things (seen);
      create index on things using gin (tags);
      set enable_seqscan = off;`);
  });
  afterAll(() => database.close());

  const chosen = async (filter: Filter): Promise<string[]> => {
    const { text, values } = toSql(filter, { dialect: "postgresql", columns });
    return (await database.query<{ name: string }>(`select name from things where ${text}`, values)).rows.map(({ name }) => name);
  };

  it.each<[string, Filter]>([
    ["uuid", compares("id", "equals", "00000000-0000-4000-8000-00000000000a")],
    ["uuids", compares("id", "in", ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"])],
    ["text", compares("name", "equals", "n1")],
    ["texts", compares("name", "in", ["n1", "n2"])],
    ["integer", compares("size", "less_than", 3)],
    ["time", compares("seen", "before", "2026-01-01")],
    ["list", compares("tags", "contains", "t1")],
  ])("serves a declared column by its index: %s", async (_, filter) => {
    const { text, values } = toSql(filter, { dialect: "postgresql", columns });
    const { rows } = await database.query(`explain select * from things where ${text}`, values);
    expect(JSON.stringify(rows)).toMatch(/Index Cond/);
  });

  it("tells integers beyond 2^53 apart", async () => {
    expect(await chosen(compares("size", "equals", 2 ** 53))).toEqual([]);
    expect(await chosen(compares("size", "greater_than", 2 ** 53))).toEqual(["big"]);
  });

  it("compares times in whole milliseconds, as objects do", async () => {
    expect(await chosen(compares("seen", "after", "2026-01-01T00:00:00.000Z"))).not.toContain("big");
    expect(await chosen(compares("seen", "before", "2026-01-01T00:00:00.001Z"))).toContain("big");
  });

  it("matches no upper-case id, like a text", async () => {
    expect(await chosen(compares("id", "equals", "00000000-0000-4000-8000-00000000000A"))).toEqual([]);
    expect(await chosen(compares("id", "equals", "garbage"))).toEqual([]);
    expect(await chosen(compares("id", "ends_with", "00a"))).toEqual(["big"]);
  });

  it("looks for text with NUL without sending one", async () => {
    expect(await chosen(compares("name", "in", ["n1", "n\0"]))).toEqual(["n1"]);
    expect(await chosen({ kind: "not", of: compares("name", "in", ["\0"]) })).toHaveLength(51);
    expect(await chosen(of({ value: "n1\0n2" }, "includes", { attribute: "name" }))).toEqual(["n1", "n2"]);
    expect(await chosen(of({ value: "n1\0n2" }, "starts_with", { attribute: "name" }))).toEqual(["n1"]);
    expect(await chosen(of({ value: "n1\0n2" }, "ends_with", { attribute: "name" }))).toEqual(["n2"]);
  });
});

async function openMariadb(): Promise<mysql.Connection | undefined> {
  if (process.env["TEST_BACKEND"] !== "postgresql") return undefined;
  return mysql.createConnection(process.env["TEST_MARIADB_URL"] ?? "mysql://root@127.0.0.1:3306/test").catch(() => undefined);
}
const mariadb = await openMariadb();

describe.skipIf(!mariadb)(`MariaDB${mariadb ? "" : " (skipped: npm run test:services runs it where one answers)"}`, () => {
  const table = `filter_sql_${process.pid}`;
  beforeAll(async () => {
    await mariadb?.query(
      `create temporary table ${table} (name varchar(20) character set latin1, size bigint, seen datetime(6), tags json, key (name))`,
    );
    await mariadb?.query(`insert into ${table} values (?, ?, ?, ?), (?, ?, ?, ?), (null, null, null, 'null')`, [
      "Käse ",
      "9007199254740993",
      "2026-01-01 00:00:00.000999",
      '["\\u0061", "A"]',
      "a\0b",
      1,
      "2025-01-01 00:00:00",
      "[]",
    ]);
  });
  afterAll(() => mariadb?.end());

  const chosen = async (filter: Filter): Promise<unknown[]> => {
    const { text, values } = toSql(filter, { dialect: "mariadb", columns });
    const [rows] = (await mariadb?.execute(`select name from ${table} where ${text}`, values as string[])) ?? [[]];
    return (rows as { name: unknown }[]).map(({ name }) => name);
  };

  it("compares by characters whatever the column's collation does", async () => {
    expect(await chosen(compares("name", "equals", "Käse "))).toEqual(["Käse "]);
    for (const alike of ["Käse", "käse ", "KASE ", "Kase "]) expect(await chosen(compares("name", "equals", alike)), alike).toEqual([]);
    expect(await chosen(compares("name", "in", ["käse", "a\0b", "😀"]))).toEqual(["a\0b"]);
  });

  it("tells integers beyond 2^53 apart", async () => {
    expect(await chosen(compares("size", "equals", 2 ** 53))).toEqual([]);
    expect(await chosen(compares("size", "greater_than", 2 ** 53))).toEqual(["Käse "]);
  });

  it("compares times in whole milliseconds, as objects do", async () => {
    expect(await chosen(compares("seen", "after", "2026-01-01T00:00:00.000Z"))).toEqual([]);
    expect(await chosen(compares("seen", "before", "2026-01-01T00:00:00.001Z"))).toEqual(["Käse ", "a\0b"]);
  });

  it.each<[string, Filter]>([
    ["text", compares("name", "equals", "n7")],
    ["texts", compares("name", "in", ["n7", "n8"])],
    ["integer", compares("size", "equals", 7)],
    ["time", compares("seen", "before", "2020-01-01")],
  ])("serves a declared column by its index: %s", async (_, filter) => {
    const many = `${table}_many`;
    await mariadb?.query(
      `create or replace temporary table ${many} (name varchar(20), size bigint, seen datetime(3), key (name), key (size), key (seen))`,
    );
    await mariadb?.query(`insert into ${many} select concat('n', seq), seq, '2026-01-01' + interval seq second from seq_1_to_2000`);
    const { text, values } = toSql(filter, { dialect: "mariadb", columns });
    const [rows] = (await mariadb?.execute(`explain select * from ${many} where ${text}`, values as string[])) ?? [[]];
    expect((rows as { key: string | null }[])[0]?.key).not.toBeNull();
  });

  it("reads lists as JSON means them", async () => {
    expect(await chosen(compares("tags", "contains_all", ["a", "A"]))).toEqual(["Käse "]);
    expect(await chosen({ kind: "not", of: compares("tags", "contains", "b") })).toEqual(["Käse ", "a\0b"]);
    expect(await chosen(compares("tags", "exists"))).toEqual(["Käse ", "a\0b"]);
  });
});
