import {
  describeOnPostgresql,
  type Fresh,
  freshPostgresql,
  type HeldTransaction,
  holdTransaction,
  spendTransactions,
} from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { rowsRead } from "@gatehouse/testing/rows-read.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Database, everyTenant, type ReadHandle, type WriteHandle } from "../database/database.ts";
import { appendIn, appendTo, idsOf, newEvent } from "./conformance/events.ts";
import { Consumers } from "./consumers/consumers.ts";
import { consumerSteps } from "./consumers/schema-steps.ts";
import type { LoggedEvent } from "./event.ts";
import { LogFollower } from "./follower.ts";
import { logSteps, readAfter, revisionOf } from "./log.ts";

/** Events that are written while one transaction stays open. */
const eventsBehind = 50_000;
/** More transactions than an eager consumer's position may be behind before it reads in order. */
const transactionsBehind = 1_200;
/** A read may return new events and a consumer's position; a read that repeats the range would return thousands. */
const rowsPerReadMax = 20;

// The horizon needs several open transactions, and the embedded database has one connection.
describeOnPostgresql("during a long transaction", () => {
  let fresh: Fresh;
  let held: HeldTransaction & { readonly revision: string };
  /** The rows that each transaction of the counted database has read. */
  const reads: number[] = [];
  const toClose: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    fresh = await freshPostgresql([...logSteps, ...consumerSteps]);
    const begun = await holdTransaction(fresh.database);
    // The product's transactions end after ten idle seconds; this one stays open as long as the test needs it.
    await begun.run((tx) => sql`set local idle_in_transaction_session_timeout = 0`.execute(tx));
    held = { ...begun, revision: await begun.run(revisionOf) };
    reads.splice(0);
  }, 60_000);
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
    await held?.rollback();
    await fresh?.close();
  });

  /** The same database, which records after each transaction how many of the log's rows it has read. */
  const counted = (): Database => {
    const database = fresh.another(2);
    const counting = async <Result, Db extends ReadHandle | WriteHandle>(db: Db, work: (db: Db) => Promise<Result>): Promise<Result> => {
      const before = await rowsRead(db, "events");
      const result = await work(db);
      reads.push((await rowsRead(db, "events")) - before);
      return result;
    };
    return {
      ...database,
      read: (scope, work) => database.read(scope, (db) => counting(db, work)),
      transact: (scope, work) => database.transact(scope, (tx) => counting(tx, work)),
    };
  };
  const fill = async (): Promise<void> => {
    await sql`insert into events (id, type, subject, data, occurred_at)
      select gen_random_uuid(), 'thing.happened.v1', 'thing/' || n, '{}', now() from generate_series(1, ${eventsBehind}) n`.execute(
      fresh.database.owner,
    );
    await spendTransactions(fresh.url as string, transactionsBehind);
    await sql`analyze events`.execute(fresh.database.owner);
  };

  it("a follower delivers 50,000 events once, then reads new events only, and the open transaction's when it commits", async () => {
    const follower = new LogFollower(counted(), silent);
    const observed: LoggedEvent[] = [];
    follower.onEvent((event) => observed.push(event));
    await follower.start();
    toClose.push(() => follower.stop());
    await fill();
    await eventually(async () => follower.catchUp().then(() => observed.length)).toBe(eventsBehind);
    expect(Math.max(...reads), "rows of the first read").toBeGreaterThanOrEqual(eventsBehind);

    reads.splice(0);
    const more: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      const event = newEvent({ subject: `thing/new ${round}` });
      const revision = await appendTo(fresh.database, [event]);
      more.push(event.id);
      await follower.catchUp();
      expect(follower.hasSeen(revision)).toBe(true);
    }
    expect(idsOf(observed.slice(eventsBehind))).toEqual(more);
    expect(follower.hasSeen(held.revision)).toBe(false);
    expect(BigInt(follower.revision)).toBeLessThan(BigInt(held.revision));
    expect(reads.length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...reads), "rows of one read").toBeLessThanOrEqual(rowsPerReadMax);

    const late = newEvent({ subject: "thing/held" });
    await held.run((tx) => appendIn(tx, late));
    await follower.catchUp();
    expect(idsOf(observed.slice(eventsBehind))).toEqual(more);
    await held.commit();
    await follower.catchUp();
    expect(idsOf(observed.slice(eventsBehind))).toEqual([...more, late.id]);
    expect(follower.hasSeen(held.revision)).toBe(true);
    expect(Math.max(...reads), "rows of one read").toBeLessThanOrEqual(rowsPerReadMax);
  }, 60_000);

  it("an eager consumer handles each event once, reads new events only, and does not begin again when the transaction has ended", async () => {
    const consumers = new Consumers(counted(), silent);
    toClose.push(() => consumers.close());
    const handled: string[] = [];
    const subscription = await consumers.consume({
      name: "eager",
      types: ["thing.happened.v1"],
      eager: true,
      handle: async () => {},
      committed: async (events) => void handled.push(...idsOf(events)),
    });
    await subscription.idle();
    await fill();
    await subscription.idle();
    expect(handled).toHaveLength(eventsBehind);

    reads.splice(0);
    const more: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const event = newEvent({ subject: `thing/new ${round}` });
      await appendTo(fresh.database, [event]);
      more.push(event.id);
      consumers.wake();
      await eventually(() => handled.slice(eventsBehind)).toEqual(more);
    }
    const late = newEvent({ subject: "thing/held" });
    await held.run((tx) => appendIn(tx, late));
    await held.commit();
    consumers.wake();
    await eventually(() => handled.slice(eventsBehind)).toEqual([...more, late.id]);
    // The position follows the horizon, which is further ahead than an eager consumer may be behind.
    await eventually(async () => {
      consumers.wake();
      const { rows } = await sql<{ passed: boolean }>`select transaction > ${held.revision}::xid8 as passed from consumers`.execute(
        fresh.database.owner,
      );
      return rows[0]?.passed;
    }).toBe(true);
    expect(handled).toHaveLength(eventsBehind + more.length + 1);
    expect(Math.max(...reads), "rows of one read").toBeLessThanOrEqual(rowsPerReadMax);
  }, 60_000);

  it("an ordered reader, such as the relay, reads no events until the transaction ends", async () => {
    await fill();
    const database = counted();
    const after = { transaction: held.revision, sequence: "0" };
    expect(await database.read(everyTenant, (db) => readAfter(db, after, { limit: 500 }))).toEqual([]);
    expect(await database.read(everyTenant, (db) => readAfter(db, after, { limit: 1, types: ["thing.never.v1"] }))).toEqual([]);
    expect(Math.max(...reads), "rows of one read").toBeLessThanOrEqual(rowsPerReadMax);
  }, 60_000);
});
