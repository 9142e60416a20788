import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { rowsRead } from "@gatehouse/testing/rows-read.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { relayName, relayStatus } from "../broker/relay.ts";
import { brokerSteps } from "../broker/schema-steps.ts";
import { type Database, everyTenant } from "../database/database.ts";
import { beginning, type Position } from "./event.ts";
import { lagBehind } from "./lag.ts";
import { logSteps } from "./log.ts";

/** One event per second, the newest now; every tenth is of the rare type, and each hundred share a transaction. */
const fill = (database: Database, events: number) =>
  sql`insert into events (transaction, id, type, subject, data, occurred_at)
    select (3 + n / 100)::text::xid8, gen_random_uuid(), case when n % 10 = 0 then 'thing.rare.v1' else 'thing.happened.v1' end,
      'thing/' || n, '{}', now() - make_interval(secs => ${events} - n) from generate_series(1, ${events}) n`.execute(database.owner);
/** The position of the event that is followed by `behind` events. */
const positionBefore = async (database: Database, behind: number): Promise<Position> => {
  const { rows } = await sql<Position>`select transaction::text, sequence::text from events
    order by events.transaction desc, events.sequence desc offset ${behind} limit 1`.execute(database.owner);
  return rows[0] ?? beginning;
};

function contract(name: string, make: () => Promise<Fresh>): void {
  describe(`the lag of a reader of the log: ${name}`, () => {
    let fresh: Fresh;
    beforeAll(async () => {
      fresh = await make();
      await fill(fresh.database, 100);
    }, 60_000);
    afterAll(() => fresh?.close());
    const lag = async (behind: number, options: Parameters<typeof lagBehind>[2]) => {
      const position = await positionBefore(fresh.database, behind);
      return fresh.database.read(everyTenant, (db) => lagBehind(db, position, options));
    };

    it("is zero for a reader that has passed everything", async () => {
      expect(await lag(0, { rowsMax: 50 })).toEqual({ events: 0, seconds: 0 });
    });

    it("counts the events after a position and returns the age of the oldest", async () => {
      const { events, seconds } = await lag(30, { rowsMax: 50 });
      expect(events).toBe(30);
      expect(seconds).toBeGreaterThanOrEqual(29);
      expect(seconds).toBeLessThan(29 + 60);
    });

    it("counts no more events than it may read", async () => {
      expect(await lag(80, { rowsMax: 50 })).toMatchObject({ events: 50 });
    });

    it("counts only the reader's own types", async () => {
      const { events, seconds } = await lag(30, { rowsMax: 50, types: ["thing.rare.v1"] });
      expect(events).toBe(3);
      expect(seconds).toBeLessThan(29);
      expect(await lag(5, { rowsMax: 50, types: ["thing.never.v1"] })).toEqual({ events: 0, seconds: 0 });
    });

    it("reports a lag for a reader whose events are all beyond the read limit", async () => {
      const { events, seconds } = await lag(80, { rowsMax: 50, types: ["thing.never.v1"] });
      expect(events).toBe(0);
      expect(seconds).toBeGreaterThanOrEqual(79);
    });
  });
}
contract("PGlite", () => freshPglite(logSteps));

// Needs PostgreSQL's statistics of rows read, and its planner.
describeOnPostgresql("the lag of a reader of the log on PostgreSQL", () => {
  contract("PostgreSQL", () => freshPostgresql(logSteps));

  describe("in a log of 200,000 events", () => {
    let fresh: Fresh;
    beforeAll(async () => {
      fresh = await freshPostgresql([...logSteps, ...brokerSteps]);
      await fill(fresh.database, 200_000);
      await sql`analyze events`.execute(fresh.database.owner);
    }, 60_000);
    afterAll(() => fresh?.close());

    /** Returns the result of `work`, and how many of the log's rows and index entries it has read. */
    const counted = <Result>(work: (db: Parameters<typeof lagBehind>[0]) => Promise<Result>) =>
      fresh.database.read(everyTenant, async (db) => {
        const before = await rowsRead(db, "events");
        const result = await work(db);
        return { result, read: (await rowsRead(db, "events")) - before };
      });

    it.each([
      ["up to date", 0, 0],
      ["1,000 events behind", 1_000, 1_000],
      ["at the beginning, as far as it may read", 200_000, 10_000],
    ])("reads only the events that a consumer is behind: one %s", async (_what, behind, expected) => {
      const position = await positionBefore(fresh.database, behind);
      const { result, read } = await counted((db) => lagBehind(db, position, { rowsMax: 10_000 }));
      expect(result.events).toBe(expected);
      expect(read).toBeLessThanOrEqual(2 * expected + 10);
    });

    it("reads only the events that the relay is behind", async () => {
      const position = await positionBefore(fresh.database, 500);
      await sql`insert into relays (name, transaction, sequence) values (${relayName}, ${position.transaction}::xid8, ${position.sequence}::bigint)`.execute(
        fresh.database.owner,
      );
      const { result, read } = await counted(relayStatus);
      expect(result).toMatchObject({ lagEvents: 500 });
      expect(result?.lagSeconds).toBeGreaterThanOrEqual(499);
      expect(read).toBeLessThanOrEqual(1_010);
    });
  });
});
