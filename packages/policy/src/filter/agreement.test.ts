import { PGlite } from "@electric-sql/pglite";
import fc from "fast-check";
import mysql from "mysql2/promise";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Filter, FilterComparison, FilterOperand, FilterOperator } from "./filter.ts";
import { matches } from "./match.ts";
import { type ColumnType, type SqlOptions, toSql } from "./sql.ts";

/** Each database takes two statements a filter; this many filters take about two seconds. */
const runs = 400;
const seed = 20_261_120;

const types = {
  id: "uuid",
  name: "text",
  label: "text",
  address: "address",
  size: "number",
  count: "number",
  ratio: "number",
  open: "boolean",
  seen: "time",
  due: "time",
  tags: "texts",
  groups: "texts",
  marks: "numbers",
} as const satisfies Record<string, ColumnType>;
type Name = keyof typeof types;
const names = Object.keys(types) as Name[];
type Row = Record<Name, unknown>;

interface Store {
  readonly dialect: SqlOptions["dialect"];
  fill(rows: readonly Row[]): Promise<void>;
  /** The numbers of the rows, counted from nought, that a filter chooses. */
  choose(text: string, values: unknown[]): Promise<number[]>;
  close(): Promise<void>;
}

const texts = [
  "",
  " ",
  "a",
  "A",
  "a ",
  "ab",
  "aB",
  "b",
  "ä",
  "a\u0308",
  "%",
  "a%",
  "_",
  "a_b",
  "\\",
  "a\\b",
  "'",
  '"',
  "a\nb",
  "{a,b}",
  "NULL",
  "😀",
  "\ufffd",
  "ß",
  "ss",
  "12",
];
const unheld = ["a\0b", "\0", "\ud83d", "ab\ud83d"];
const ids = ["0b6a4e0e-6f0c-4a7e-9d3f-5f1c2f3a4b5c", "ffffffff-ffff-4fff-8fff-ffffffffffff", "00000000-0000-4000-8000-000000000001"];
const addresses = [
  "10.0.0.1",
  "10.255.0.7",
  "192.168.1.20",
  "0.0.0.0",
  "255.255.255.255",
  "::",
  "::1",
  "2001:db8::1",
  "2001:DB8:0:0:1::",
  "::ffff:10.0.0.1",
  "0:0:0:0:0:ffff:a00:1",
  "::10.0.0.1",
  "1:2:3:4:5:6:7::",
  "0000:0000:0000:0000:0000:ffff:192.168.100.100",
  "2001:0db8:0000:1111:2222:3333:255.255.255.255",
  "fe80::1",
  "010.0.0.1",
  "10.1",
  "10.0.0.0/8",
  "fe80::1%eth0",
  "10.0.0.1\n",
  "1:2:3",
  "",
  ":::",
  "256.1.1.1",
  "garbage",
];
const networks = [
  "10.0.0.0/8",
  "10.0.0.1",
  "0.0.0.0/0",
  "::/0",
  "2001:db8::/32",
  "::ffff:0:0/96",
  "::ffff:10.0.0.0/104",
  "192.168.1.77/28",
  "::/95",
  "::1/128",
  "fe80::/10",
  "nonsense",
];
const numbers = [0, -0, 1, -1, 12, 0.1, 0.30000000000000004, 1.5, -2.25, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 2 ** 62, 1e-7];
const wildNumbers = [...numbers, 2 ** 63, 2 ** 70, 1e40, -1e300, 5e-324, 1e-40, Number.NaN, Number.POSITIVE_INFINITY];
const moments = [
  "2026-01-01T00:00:00.000Z",
  "2026-01-01T00:00:00.001Z",
  "1969-12-31T23:59:59.999Z",
  "2026-06-30T12:00:00Z",
  "9999-12-31T23:59:59.999Z",
].map((text) => Date.parse(text));

const orNull = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: null, freq: 4 });
const of = <T>(values: readonly T[]) => fc.constantFrom(...values);

const row = fc.record({
  id: orNull(of(ids)),
  name: orNull(of(texts)),
  label: orNull(of(texts)),
  address: orNull(of(addresses)),
  size: orNull(of(numbers)),
  count: orNull(of(numbers.filter(Number.isInteger))),
  ratio: orNull(of([...numbers, 1e40, 5e-324])),
  open: orNull(fc.boolean()),
  seen: orNull(of(moments).chain((ms) => of([ms, new Date(ms), new Date(ms).toISOString()]))),
  due: orNull(of(moments)),
  tags: orNull(fc.array(orNull(of(texts)), { maxLength: 3 })),
  groups: orNull(fc.array(of(texts.slice(0, 6)), { maxLength: 2 })),
  marks: orNull(fc.array(of([...numbers, 1e40]), { maxLength: 3 })),
}) as fc.Arbitrary<Row>;

const scalars: Record<"text" | "number" | "boolean", fc.Arbitrary<string | number | boolean>> = {
  text: of([...texts, ...unheld, ...ids, ...addresses.slice(0, 3), "0B6A4E0E-6F0C-4A7E-9D3F-5F1C2F3A4B5C"]),
  number: of(wildNumbers),
  boolean: fc.boolean(),
};
const anyScalar = fc.oneof(scalars.text, scalars.number, scalars.boolean);
const time = fc.oneof(
  of(moments),
  of(moments).map((ms) => new Date(ms).toISOString()),
  of([0.5, (moments[0] as number) + 0.5, 1e18, -1e18, "0000-01-01", "2026-06-30T14:00:00+02:00", "yesterday", "2026-02-30"]),
);

const kindOf = (type: ColumnType) => (type === "uuid" || type === "address" ? "text" : type);
const named = (...kinds: string[]) =>
  of(names.filter((name) => kinds.includes(kindOf(types[name])))).map((attribute): FilterOperand => ({ attribute }));
const valued = (value: fc.Arbitrary<unknown>) => value.map((value) => ({ value }) as FilterOperand);

function comparison(
  operators: readonly FilterOperator[],
  left: fc.Arbitrary<FilterOperand>,
  right: fc.Arbitrary<FilterOperand>,
): fc.Arbitrary<FilterComparison> {
  return fc.record({ kind: fc.constant("compare" as const), operator: of(operators), left, right });
}

const equality = ["equals", "not_equals"] as const;
const order = ["less_than", "at_most", "greater_than", "at_least"] as const;
const textual = ["starts_with", "ends_with", "includes"] as const;
const listsOf = (element: fc.Arbitrary<unknown>) => fc.array(element, { maxLength: 4 });

/** Comparisons of what has the types that the operators take: for columns whose types nobody declared. */
const wellTyped = fc.oneof(
  ...(["text", "number", "boolean"] as const).flatMap((kind) => [
    comparison(equality, named(kind), valued(scalars[kind])),
    comparison(equality, valued(scalars[kind]), named(kind)),
    comparison(
      ["in", "not_in"],
      named(kind),
      valued(listsOf(scalars[kind].filter((value) => typeof value !== "number" || Number.isFinite(value)))),
    ),
  ]),
  comparison(order, named("number"), valued(scalars.number)),
  comparison(order, valued(scalars.number), named("number")),
  comparison(textual, named("text"), valued(scalars.text)),
  comparison(textual, valued(scalars.text), named("text")),
  comparison(["before", "after"], named("time"), valued(time)),
  comparison(["before", "after"], valued(time), named("time")),
  comparison(["before", "after"], named("time"), named("time")),
  comparison(["in_network"], named("text"), valued(fc.oneof(of(networks), listsOf(of(networks))))),
  ...(
    [
      ["texts", "text"],
      ["numbers", "number"],
    ] as const
  ).flatMap(([lists, kind]) => {
    const element = scalars[kind].filter((value) => typeof value !== "number" || Number.isFinite(value));
    return [
      comparison(["contains"], named(lists), valued(element)),
      comparison(["in", "not_in"], valued(element), named(lists)),
      comparison(["contains_any", "contains_all"], named(lists), valued(listsOf(element))),
      comparison(["contains_any", "contains_all"], valued(listsOf(element)), named(lists)),
    ];
  }),
);

/** Besides, comparisons of anything with anything: for declared columns. */
const attribute = named("text", "number", "boolean", "texts", "numbers");
const value = valued(fc.oneof(anyScalar, listsOf(anyScalar)));
const anyTyped = fc.oneof(
  { weight: 3, arbitrary: wellTyped },
  {
    weight: 2,
    arbitrary: comparison(
      [...equality, ...order, ...textual, "in", "not_in", "contains", "contains_any", "contains_all"],
      fc.oneof(attribute, value),
      fc.oneof(attribute, value),
    ),
  },
  { weight: 1, arbitrary: comparison(["in", "not_in"], named("text", "number"), named("texts", "numbers")) },
  { weight: 1, arbitrary: comparison(["contains_any", "contains_all"], named("texts", "numbers"), named("texts", "numbers")) },
  { weight: 1, arbitrary: comparison(["in_network"], fc.oneof(attribute, value), valued(of(networks))) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("compare" as const),
      operator: fc.constant("exists" as const),
      left: named("text", "number", "boolean", "time", "texts", "numbers"),
    }),
  },
);

const treeOf = (leaf: fc.Arbitrary<FilterComparison>): fc.Arbitrary<Filter> =>
  fc.letrec<{ tree: Filter }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      { weight: 5, arbitrary: leaf },
      { weight: 1, arbitrary: of<Filter>([{ kind: "always" }, { kind: "never" }]) },
      { weight: 2, arbitrary: fc.record({ kind: of(["all", "any"] as const), of: fc.array(tie("tree"), { maxLength: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("not" as const), of: tie("tree") }) },
    ),
  })).tree;

const declared = Object.fromEntries(names.map((name) => [name, { column: name, type: types[name] }]));
const undeclared = Object.fromEntries(names.map((name) => [name, name]));

/** Both databases take all rows: null elements of lists, which MariaDB and PostgreSQL hold, and no NUL. */
const rows = fc.sample(row, { numRuns: 80, seed });

async function expectAgreement(store: Store, filters: fc.Arbitrary<Filter>, columns: SqlOptions["columns"]): Promise<void> {
  let chosen = 0;
  await fc.assert(
    fc.asyncProperty(filters, async (filter) => {
      const expected = rows.flatMap((row, index) => (matches(filter, row) ? [index] : []));
      const { text, values } = toSql(filter, { dialect: store.dialect, columns, table: "r" });
      const found = await store.choose(text, values);
      if (expected.length > 0 && expected.length < rows.length) chosen++;
      expect({ text, values, found }).toEqual({ text, values, found: expected });
    }),
    { numRuns: runs, seed },
  );
  // Filters that choose all or nothing would prove little.
  expect(chosen).toBeGreaterThan(runs / 5);
}

function agreement(open: () => Promise<Store>): void {
  let store: Store;
  beforeAll(async () => {
    store = await open();
    await store.fill(rows);
  });
  afterAll(() => store?.close());
  it("on each comparison of declared columns", () => expectAgreement(store, anyTyped, declared));
  it("on filters of declared columns", () => expectAgreement(store, treeOf(anyTyped), declared));
  it("on each comparison of columns without a type", () => expectAgreement(store, wellTyped, undeclared));
  it("on filters of columns without a type", () => expectAgreement(store, treeOf(wellTyped), undeclared));
}

const table = `filter_agreement_${process.pid}`;

interface Queries {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

function postgresqlStore(client: Queries, close: () => Promise<void>): Store {
  return {
    dialect: "postgresql",
    async fill(rows) {
      await client.query(
        `create temporary table ${table} (row int, id uuid, name text, label varchar(40), address text, size numeric, count bigint,
         ratio double precision, open boolean, seen timestamptz, due timestamptz, tags text[], groups text[], marks numeric[])`,
        [],
      );
      for (const [index, row] of rows.entries()) {
        await client.query(`insert into ${table} select * from json_populate_record(null::${table}, $1::json)`, [
          JSON.stringify({ ...row, row: index, ...times(row, (ms) => new Date(ms).toISOString()), ...exactNumbers(row) }).replaceAll(
            /"#(\d+|-\d+)#"/g,
            "$1",
          ),
        ]);
      }
    },
    async choose(text, values) {
      const { rows } = await client.query(`select row from ${table} r where ${text} order by row`, values);
      return rows.map((row) => (row as { row: number }).row);
    },
    close,
  };
}

function mariadbStore(client: mysql.Connection): Store {
  return {
    dialect: "mariadb",
    async fill(rows) {
      await client.query(
        `create temporary table ${table} (row int, id uuid, name varchar(40) collate utf8mb4_general_ci, label text collate utf8mb4_unicode_ci,
         address varchar(60), size decimal(40,20), count bigint, ratio double, open boolean, seen datetime(3), due datetime(6),
         tags json, \`groups\` json, marks json) default charset utf8mb4`,
      );
      for (const [index, row] of rows.entries()) {
        const stored = { ...row, row: index, ...times(row, (ms) => new Date(ms).toISOString().replace("T", " ").replace("Z", "")) };
        for (const name of ["tags", "groups", "marks"] as const) stored[name] = row[name] && JSON.stringify(row[name]);
        for (const name of ["size", "count"] as const) if (row[name] !== null) stored[name] = exactly(row[name] as number);
        const columns = Object.keys(stored);
        await client.query(
          `insert into ${table} (${columns.map((name) => `\`${name}\``).join(", ")}) values (${columns.map(() => "?").join(", ")})`,
          Object.values(stored),
        );
      }
    },
    async choose(text, values) {
      const [rows] = await client.execute(`select row from ${table} r where ${text} order by row`, values as string[]);
      return (rows as { row: number }[]).map(({ row }) => row);
    },
    close: () => client.end(),
  };
}

const exactly = (number: number): string => (Number.isInteger(number) ? BigInt(number).toString() : String(number));
const marked = (value: unknown): unknown => (Number.isInteger(value) ? `#${exactly(value as number)}#` : value);
function exactNumbers({ size, count, marks }: Row): Partial<Row> {
  return { size: marked(size), count: marked(count), marks: Array.isArray(marks) ? marks.map(marked) : marks };
}
function times(row: Row, write: (ms: number) => string): Partial<Row> {
  return Object.fromEntries(
    (["seen", "due"] as const).flatMap((name) => (row[name] === null ? [] : [[name, write(new Date(row[name] as string).getTime())]])),
  );
}

const wantsServers = process.env["TEST_BACKEND"] === "postgresql";

async function opened<T>(open: () => Promise<T>): Promise<T | undefined> {
  return wantsServers ? open().catch(() => undefined) : undefined;
}

async function openPostgresql(): Promise<Store> {
  const client = new pg.Client({ connectionString: process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres" });
  await client.connect();
  return postgresqlStore(client, () => client.end());
}

const openMariadb = async (): Promise<Store> =>
  mariadbStore(await mysql.createConnection(process.env["TEST_MARIADB_URL"] ?? "mysql://root@127.0.0.1:3306/test"));

const why = wantsServers ? "no server answers" : "npm run test:services runs it";
const answers = async (open: () => Promise<Store>): Promise<boolean> =>
  (await opened(async () => (await open()).close().then(() => true))) ?? false;
const hasPostgresql = await answers(openPostgresql);
const hasMariadb = await answers(openMariadb);

describe("objects and PGlite agree", () => {
  agreement(async () => {
    const database = await PGlite.create();
    return postgresqlStore(database as Queries, () => database.close());
  });
});

describe.skipIf(!hasPostgresql)(`objects and PostgreSQL agree${hasPostgresql ? "" : ` (skipped: ${why})`}`, () =>
  agreement(openPostgresql),
);

describe.skipIf(!hasMariadb)(`objects and MariaDB agree${hasMariadb ? "" : ` (skipped: ${why})`}`, () => agreement(openMariadb));
