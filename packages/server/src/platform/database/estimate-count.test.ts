import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { rowsRead } from "@gatehouse/testing/rows-read.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyTenant } from "./database.ts";
import { estimateCount, exactRowsMax } from "./estimate-count.ts";
import { type SchemaStep, sharedTable } from "./migrations.ts";

const things: SchemaStep = {
  name: "0001_contract_things",
  why: "rows to be counted",
  async up(db) {
    await sql`create table things (id integer primary key, kind text not null, note text not null)`.execute(db);
    await sharedTable(db, "things");
  },
};

function contract(name: string, make: () => Promise<Fresh>): void {
  describe(`a count for a gauge: ${name}`, () => {
    let fresh: Fresh;
    beforeAll(async () => {
      fresh = await make();
    }, 60_000);
    afterAll(() => fresh?.close());
    const fill = async (rows: number) => {
      await sql`truncate things`.execute(fresh.database.owner);
      await sql`insert into things select n, case when n % 4 = 0 then 'rare' else 'common' end, repeat('x', 50)
        from generate_series(1, ${rows}) n`.execute(fresh.database.owner);
      await sql`analyze things`.execute(fresh.database.owner);
    };
    const count = async (options: Partial<Parameters<typeof estimateCount>[1]> = {}) => {
      const counts = await fresh.database.read(everyTenant, (db) => estimateCount(db, { table: "things", ...options }));
      return Object.fromEntries(counts.map(({ label, value }) => [label, value]));
    };

    it("is exact for a small table, also if it was never analyzed", async () => {
      expect(await count({ by: sql`kind` })).toEqual({});
      await sql`insert into things values (1, 'rare', ''), (2, 'common', ''), (3, 'common', '')`.execute(fresh.database.owner);
      expect(await count({ by: sql`kind` })).toEqual({ rare: 1, common: 2 });
      await fill(1_000);
      expect(await count({ by: sql`kind` })).toEqual({ rare: 250, common: 750 });
      expect(await count({ where: sql`id > 900` })).toEqual({ "": 100 });
    });

    it("is approximate for a large table, and stable", async () => {
      const rows = exactRowsMax * 3;
      await fill(rows);
      const counts = await count({ by: sql`kind` });
      expect(Math.abs((counts["rare"] as number) - rows / 4)).toBeLessThan(rows / 40);
      expect(Math.abs((counts["common"] as number) - (rows * 3) / 4)).toBeLessThan(rows / 40);
      expect(await count({ by: sql`kind` })).toEqual(counts);
    });

    it("reads a sample of a large table", async () => {
      const rows = exactRowsMax * 3;
      await fill(rows);
      const read = await fresh.database.read(everyTenant, async (db) => {
        const before = await rowsRead(db, "things");
        await estimateCount(db, { table: "things" });
        return (await rowsRead(db, "things")) - before;
      });
      expect(read).toBeGreaterThan(0);
      expect(read).toBeLessThan(rows / 3);
    });
  });
}

contract("PGlite", () => freshPglite([things]));
describeOnPostgresql("estimated counts on PostgreSQL", () => contract("PostgreSQL", () => freshPostgresql([things])));
