import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { freshPostgresql } from "../contract/databases.ts";
import { eventually } from "../contract/eventually.ts";
import { everyTenant } from "./database.ts";
import { type SchemaStep, sharedTable } from "./migrations.ts";
import { openPostgresql } from "./postgresql.ts";

const steps: readonly SchemaStep[] = [
  {
    name: "0001_contract_notes",
    why: "something to replicate",
    async up(db) {
      await sql`create table notes (body text not null)`.execute(db);
      await sharedTable(db, "notes");
    },
  },
];

/** A standby of the server of TEST_DATABASE_URL. A test cannot make one by itself: it belongs to the machine. */
const standbyUrl = process.env["TEST_DATABASE_STANDBY_URL"];

// Replication is between two servers.
describe.skipIf(standbyUrl === undefined)(`a read replica${standbyUrl ? "" : " (skipped: TEST_DATABASE_STANDBY_URL names none)"}`, () => {
  it("says how far it has come: what was committed before its head is seen by reads once it has reached it", async () => {
    const fresh = await freshPostgresql(steps);
    const readUrl = new URL(standbyUrl as string);
    readUrl.pathname = new URL(fresh.url as string).pathname;
    const database = openPostgresql({ url: fresh.url as string, readUrl: readUrl.href });
    try {
      const { replica } = database;
      if (replica === undefined) throw new Error("there is a replica");
      await eventually(() =>
        database.ping().then(
          () => "answers",
          () => "away",
        ),
      ).toBe("answers");
      const standby = openPostgresql({ url: readUrl.href });
      for (let round = 0; round < 20; round += 1) {
        // Every other round the replica stands still for a while.
        if (round % 2 === 0) await sql`select pg_wal_replay_pause()`.execute(standby.owner);
        await database.transact(everyTenant, (tx) => sql`insert into notes values (${String(round)})`.execute(tx));
        const head = await replica.head();
        const count = async (): Promise<number> => {
          const { rows } = await database.read(everyTenant, (db) =>
            sql<{ count: number }>`select count(*)::int as count from notes`.execute(db as never),
          );
          return (rows[0] as { count: number }).count;
        };
        if (round % 2 === 0) {
          expect(await replica.reached()).toBeLessThan(head);
          expect(await count()).toBe(round);
          await sql`select pg_wal_replay_resume()`.execute(standby.owner);
        }
        await eventually(async () => (await replica.reached()) >= head).toBe(true);
        expect(await count()).toBe(round + 1);
      }
      await standby.close();
    } finally {
      await database.close();
      await fresh.close();
    }
  });
});
