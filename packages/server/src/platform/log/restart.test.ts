import { asAdministrator, describeOnPostgresql, spendTransactions } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { type OwnPostgresql, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterEach, expect, it } from "vitest";
import { type Database, everyTenant } from "../database/database.ts";
import { createApplicationRole, migrate } from "../database/migrations.ts";
import { openPostgresql } from "../database/postgresql.ts";
import { appendTo, idsOf, newEvent } from "./conformance/events.ts";
import { Consumers } from "./consumers/consumers.ts";
import { consumerSteps } from "./consumers/schema-steps.ts";
import type { LoggedEvent } from "./event.ts";
import { LogFollower } from "./follower.ts";
import { logSteps } from "./log.ts";

// A failover needs two servers: one that crashed and the standby that replaces it.
describeOnPostgresql("a database that has lost transactions", () => {
  if (postgresqlPrograms() === undefined) return it.skip("no PostgreSQL is installed here that a test could stop", () => {});
  const toClose: (() => Promise<void>)[] = [];
  const closedAtEnd = <T extends { close(): Promise<void> }>(made: T): T => {
    toClose.push(() => made.close());
    return made;
  };
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  }, 60_000);

  const open = (url: string): Database => closedAtEnd(openPostgresql({ url, poolSize: 2 }));
  const primaryWithLog = async (): Promise<{ primary: OwnPostgresql; database: Database }> => {
    const primary = closedAtEnd(await startPostgresql());
    const database = open(primary.url);
    await createApplicationRole(database.owner);
    await migrate(database.owner, logSteps);
    return { primary, database };
  };
  const following = async (database: Database) => {
    const follower = new LogFollower(database, silent);
    const observed: LoggedEvent[] = [];
    follower.onEvent((event) => void observed.push(event));
    await follower.start();
    toClose.push(() => follower.stop());
    return { follower, observed };
  };

  it.each([
    { what: "before others have written as many transactions", written: 0 },
    { what: "after others have written more transactions than were lost", written: 500 },
  ])("is reported to processes that have read them, $what", { timeout: 120_000 }, async ({ written }) => {
    const { primary, database } = await primaryWithLog();
    const { follower, observed } = await following(database);
    let restarts = 0;
    let release = Promise.withResolvers<void>();
    follower.onRestart(() => {
      restarts += 1;
      return release.promise;
    });
    const survivor = newEvent();
    await appendTo(database, [survivor]);
    const standby = closedAtEnd(await primary.standby());
    await primary.replayedBy(standby);
    await standby.crash();
    const lost = newEvent();
    const lostRevision = await appendTo(database, [lost]);
    await spendTransactions(primary.url, 100);
    await eventually(() => idsOf(observed)).toEqual([survivor.id, lost.id]);
    await eventually(() => follower.hasSeen(lostRevision)).toBe(true);

    // The follower does not read while the others write, like a paused process.
    if (written > 0) await follower.stop();
    await primary.crash();
    await standby.promote(primary.port);
    if (written > 0) await spendTransactions(standby.url, written);
    const again = written > 0 ? () => follower.catchUp() : async () => {};
    await eventually(async () => {
      void again();
      return restarts;
    }).toBe(1);
    expect(follower.fresh, "nothing is trusted before the listener has resolved").toBe(false);

    const first = release;
    release = Promise.withResolvers<void>();
    first.reject(new Error("the database is away again"));
    await eventually(async () => {
      void again();
      return restarts;
    }).toBe(2);
    expect(follower.fresh).toBe(false);
    release.resolve();
    await eventually(async () => {
      await again();
      return follower.fresh;
    }).toBe(true);

    const next = newEvent();
    const nextRevision = await appendTo(database, [next]);
    await eventually(async () => {
      await again();
      return observed.at(-1)?.id;
    }).toBe(next.id);
    await eventually(() => follower.hasSeen(nextRevision)).toBe(true);
    expect(restarts).toBe(2);
  });

  it("is detected when a database was dropped and restored from a dump in the same cluster", { timeout: 60_000 }, async () => {
    const primary = closedAtEnd(await startPostgresql());
    /** On a separate connection: the product's connections run each statement in a transaction. */
    const admin = (statement: string) => asAdministrator((client) => client.query(statement), primary.url);
    const url = primary.url.replace(/postgres$/, "moved");
    const make = async () => {
      await admin("create database moved");
      const made = openPostgresql({ url, poolSize: 1 });
      await createApplicationRole(made.owner);
      await migrate(made.owner, logSteps);
      await made.close();
    };
    await make();
    const { follower } = await following(open(url));
    let restarts = 0;
    follower.onRestart(() => {
      restarts += 1;
    });
    const { lineage } = follower;
    await admin("drop database moved with (force)");
    await make();
    await eventually(() => restarts).toBe(1);
    await eventually(() => follower.fresh).toBe(true);
    expect(follower.lineage).not.toBe(lineage);
  });

  it("restarts eager consumers at their positions, because later effects may be lost and transaction ids may be reused", {
    timeout: 120_000,
  }, async () => {
    const { primary, database } = await primaryWithLog();
    await migrate(database.owner, [...logSteps, ...consumerSteps]);
    const wire = closedAtEnd(await wireTo(primary.url));
    const consumers = new Consumers(open(wire.url), silent);
    toClose.push(() => consumers.close());
    const handled: string[] = [];
    const committed = async (events: readonly LoggedEvent[]) => void handled.push(...idsOf(events));
    await consumers.consume({ name: "eager", types: ["thing.happened.v1"], eager: true, handle: async () => {}, committed });
    const survivor = newEvent();
    await appendTo(database, [survivor]);
    await eventually(() => handled).toContain(survivor.id);
    const standby = closedAtEnd(await primary.standby());
    await primary.replayedBy(standby);
    await standby.crash();
    await spendTransactions(primary.url, 100);
    const lost = newEvent();
    await appendTo(database, [lost]);
    await eventually(() => handled).toContain(lost.id);

    await wire.cut();
    await primary.crash();
    await standby.promote(primary.port);
    const next = newEvent();
    await appendTo(open(standby.url), [next]);
    await spendTransactions(standby.url, 500);
    await wire.mend();
    await eventually(() => handled).toContain(next.id);
  });

  it("is not reported when only connections were lost", { timeout: 60_000 }, async () => {
    const { primary, database } = await primaryWithLog();
    const { follower } = await following(database);
    let restarts = 0;
    follower.onRestart(() => {
      restarts += 1;
    });
    await primary.crash();
    await primary.start();
    await eventually(() => follower.fresh).toBe(true);
    await appendTo(database, [newEvent()]);
    await follower.catchUp();
    expect(restarts).toBe(0);
  });

  it("does not use its standby as a replica until that follows the new timeline", { timeout: 120_000 }, async () => {
    const { primary, database } = await primaryWithLog();
    const chosen = closedAtEnd(await primary.standby());
    const ahead = closedAtEnd(await primary.standby());
    await primary.replayedBy(chosen);
    await chosen.crash();
    const lost = newEvent();
    await appendTo(database, [lost]);
    await spendTransactions(primary.url, 100);
    await primary.replayedBy(ahead);
    await primary.crash();
    await chosen.promote(primary.port);
    const reader = closedAtEnd(openPostgresql({ url: chosen.url, readUrl: ahead.url, poolSize: 2 }));
    const { follower } = await following(reader);
    await follower.catchUp();
    await expect(reader.replica?.read(everyTenant, follower.replicaNeed, async () => "answered")).rejects.toThrow("older timeline");
  });
});
