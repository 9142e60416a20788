import { describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { DatabaseClock } from "./database-clock.ts";

const dayMs = 86_400_000;

it("the database clock returns the database's time, whatever the machine's clock is", async () => {
  const { database, close } = await freshPglite([]);
  const clock = await DatabaseClock.open(database, { machine: () => Date.now() + 800 * dayMs });
  try {
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(5_000);
    expect(Math.abs(clock.skewMs - 800 * dayMs)).toBeLessThan(5_000);
  } finally {
    clock.close();
    await close();
  }
});

it("the database clock reports each measurement", async () => {
  const { database, close } = await freshPglite([]);
  const skews: number[] = [];
  const clock = await DatabaseClock.open(database, { machine: () => Date.now() - 3_600_000, onMeasured: (skew) => skews.push(skew) });
  try {
    await clock.measure();
    expect(skews).toHaveLength(2);
    for (const skew of skews) expect(Math.abs(skew + 3_600_000)).toBeLessThan(5_000);
  } finally {
    clock.close();
    await close();
  }
});

// Only a server's connection can be lost.
describeOnPostgresql("the clock of a database server", () => {
  it("advances while the database is unavailable", async () => {
    const { database, close } = await freshPostgresql([]);
    const clock = await DatabaseClock.open(database);
    clock.close();
    const { rows } = await sql<{ ms: number }>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(database.owner);
    expect(Math.abs(clock.now() - (rows[0] as { ms: number }).ms)).toBeLessThan(5_000);
    await close();
    await expect(clock.measure()).rejects.toThrow();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(5_000);
  });
});
