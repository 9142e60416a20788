import { expect, it } from "vitest";
import { breachesIn } from "./check-statements.ts";

/** Written with `#{`, because the linter reports a placeholder in a plain string. */
const asTemplate = (source: string): string => source.replaceAll("#{", "$".concat("{"));

it.each([
  'query.where("id", "in", ids)',
  'query.where(\n  "id",\n  "not in",\n  ids,\n)',
  "sql`select from t where id in (#{sql.join(ids)})`",
  "sql`insert into t (a) values #{sql.join(rows.map((row) => sql`(#{row.a})`))}`",
  "const values = sql.join(active.map(({ id }) => sql`(#{id}::uuid)`));",
  'tx.insertInto("t").values(rows)',
  'tx.insertInto("t").values(ids.map((id) => ({ id })))',
  'tx\n.insertInto("t")\n.values([{ id }])',
])("refuses one parameter for each value: %s", (source) => {
  expect(breachesIn(asTemplate(source))).not.toEqual([]);
});

it.each([
  'query.where("id", "=", anyOf(ids, "uuid"))',
  'query.where("id", "in", (db) => db.selectFrom("t").select("id"))',
  "sql`delete from t where id in (select id from old)`",
  'tx.insertInto("t").values(row)',
  'tx.insertInto("t").values({ id, ...row })',
  "sql`insert into t (a) values (#{a})`",
  "for (const value of map.values()) use(value)",
  "const columns = sql.join(names.map((name) => sql.ref(name)));",
])("accepts a fixed number of parameters: %s", (source) => {
  expect(breachesIn(asTemplate(source))).toEqual([]);
});
