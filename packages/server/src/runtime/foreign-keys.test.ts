import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";

const server = serverOfSuite();

/** Foreign keys without a full index that starts with their columns in any order. */
const withoutIndex = sql<{ reference: string }>`
  select format('%s (%s) -> %s', key.conrelid::regclass, (
      select string_agg(attname, ', ' order by place) from unnest(key.conkey) with ordinality as k (attnum, place)
      join pg_attribute a on a.attrelid = key.conrelid and a.attnum = k.attnum), key.confrelid::regclass) as reference
  from pg_constraint key
  where key.contype = 'f' and key.connamespace = 'public'::regnamespace and not exists (
    select from pg_index i where i.indrelid = key.conrelid and i.indisvalid and i.indpred is null
      and (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(key.conkey)] @> key.conkey)
  order by 1`;

it("every foreign key has an index, so that deleting a referenced row scans no table", async () => {
  const { database } = server.application.platform;
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`.execute(database.owner);
  // The query must find foreign keys at all, or an empty result proves nothing.
  expect(rows[0]?.count).toBeGreaterThan(20);
  expect((await withoutIndex.execute(database.owner)).rows.map(({ reference }) => reference)).toEqual([]);
});
