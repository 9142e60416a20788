import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { everyTenant } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { ceilingOf, confirmRemoval, mayRemove, retentionSteps, stoppedRemovals } from "./ceiling.ts";

const steps: readonly SchemaStep[] = [
  ...retentionSteps,
  {
    name: "9001_test_kept",
    why: "rows with a retention time",
    async up(db) {
      await sql`create table retained as select generate_series(1, 20000) as id`.execute(db);
      await sharedTable(db, "retained");
    },
  },
];

const contract = (make: () => Promise<Fresh>) => () => {
  let fresh: Fresh;
  beforeAll(async () => {
    fresh = await make();
  }, 60_000);
  afterAll(() => fresh?.close());
  beforeEach(() => sql`delete from stopped_removals`.execute(fresh.database.owner));

  const may = (due: number) => fresh.database.transact(everyTenant, (tx) => mayRemove(tx, { name: "log.events", due, table: "retained" }));
  const stopped = () => fresh.database.read(everyTenant, (db) => stoppedRemovals(db));

  it("may delete a tenth of the rows, and no more", async () => {
    expect(await may(2_000)).toBe(true);
    expect(await stopped()).toEqual([]);
    expect(await may(2_001)).toBe(false);
    expect(await stopped()).toEqual([
      { name: "log.events", due: 2_001, ceiling: 2_000, stoppedAt: expect.any(Date), confirmedUntil: null },
    ]);
  });

  it("is no longer stopped once the due rows are below the ceiling again, as after a clock correction", async () => {
    await may(20_000);
    expect(await may(3)).toBe(true);
    expect(await stopped()).toEqual([]);
  });

  it("continues over several runs once an operator has confirmed it", async () => {
    await may(20_000);
    expect(await fresh.database.transact(everyTenant, (tx) => confirmRemoval(tx, "log.events"))).toBe(true);
    expect(await may(20_000)).toBe(true);
    expect(await may(10)).toBe(true);
    expect(await may(15_000)).toBe(true);
    expect((await stopped())[0]?.confirmedUntil).toBeInstanceOf(Date);
  });

  it("cannot be confirmed if it is not stopped", async () => {
    expect(await fresh.database.transact(everyTenant, (tx) => confirmRemoval(tx, "log.events"))).toBe(false);
  });
};

describe(
  "a removal on PGlite",
  contract(() => freshPglite(steps)),
);
describeOnPostgresql("a removal on PostgreSQL, with the row counts of its statistics", () => {
  describe(
    "as a superuser that steps down",
    contract(() => freshPostgresql(steps)),
  );
  describe(
    "as a plain login",
    contract(() => freshPostgresql(steps, "plain")),
  );
});

it("a removal may always delete a few rows, whatever their share", () => {
  expect(ceilingOf(0)).toBe(500);
  expect(ceilingOf(5_000)).toBe(500);
  expect(ceilingOf(1_000_000)).toBe(100_000);
});
