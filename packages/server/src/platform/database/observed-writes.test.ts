import { chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asAdministrator, describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { sql } from "kysely";
import { describe, expect, it, vi } from "vitest";
import { createApplicationRole } from "./application-role.ts";
import { type Database, everyTenant } from "./database.ts";
import { Unavailable } from "./driver-errors.ts";
import { observeWrites } from "./observed-writes.ts";
import { openPostgresql } from "./postgresql.ts";
import { rowsOf } from "./rows.ts";

// These tests create and restart clusters, which is slow on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const write = (database: Database) => database.transact(everyTenant, (tx) => sql`select pg_current_xact_id()`.execute(tx));
/** A PostgreSQL error with this code. */
const fail = (database: Database, code: string) =>
  database.transact(everyTenant, (tx) => sql`do ${sql.lit(`begin raise exception using errcode = '${code}'; end`)}`.execute(tx));

const suite = (open: typeof freshPglite) => {
  it("reports a full disk after a failed write, until a write succeeds", async () => {
    const fresh = await open([]);
    const { database, writes } = observeWrites(fresh.database);
    expect(await writes.refusal()).toBeUndefined();
    await expect(fail(database, "53100")).rejects.toBeInstanceOf(Unavailable);
    expect(await writes.refusal()).toBe("the disk of the database is full");
    await expect(fail(database, "23505")).rejects.toMatchObject({ code: "23505" });
    expect(await writes.refusal()).toBe("the disk of the database is full");
    await write(database);
    expect(await writes.refusal()).toBeUndefined();
    await fresh.close();
  });

  it("reports the reason of a failed write for ten seconds, because no other write may follow", async () => {
    const fresh = await open([]);
    const { database, writes } = observeWrites(fresh.database);
    await expect(fail(database, "53100")).rejects.toBeInstanceOf(Unavailable);
    const later = performance.now() + 10_001;
    vi.spyOn(performance, "now").mockReturnValue(later);
    expect(await writes.refusal()).toBeUndefined();
    vi.restoreAllMocks();
    await fresh.close();
  });

  it("reports that a closed database does not answer", async () => {
    const fresh = await open([]);
    const { writes } = observeWrites(fresh.database);
    await fresh.close();
    expect(await writes.refusal()).toBe("the database does not answer");
  });
};

describe("observed writes: PGlite", () => suite(freshPglite));
describeOnPostgresql("observed writes: PostgreSQL", () => {
  suite((steps) => freshPostgresql(steps));

  // Needs a separate cluster, because a whole server becomes a standby.
  it.skipIf(postgresqlPrograms() === undefined)("a primary that has become a standby is reported, and still serves reads", async () => {
    const server = await startPostgresql();
    const folder = await asAdministrator(async (client) => (await client.query("show data_directory")).rows[0].data_directory, server.url);
    const signal = join(folder, "standby.signal");
    const opened = openPostgresql({ url: server.url });
    await createApplicationRole(opened.owner);
    const { database, writes } = observeWrites(opened);
    await write(database);
    expect(await writes.refusal()).toBeUndefined();

    await server.crash();
    writeFileSync(signal, "");
    chownSync(signal, statSync(folder).uid, statSync(folder).gid);
    await server.start();
    await expect.poll(() => writes.refusal(), { timeout: 30_000 }).toMatch(/standby|read-only/);
    await expect(database.transact(everyTenant, (tx) => sql`create table x (y int)`.execute(tx))).rejects.toBeInstanceOf(Unavailable);
    expect(await database.read(everyTenant, (db) => rowsOf(db, sql`select 1 as one`))).toEqual([{ one: 1 }]);

    await server.crash();
    rmSync(signal);
    await server.start();
    await expect.poll(() => writes.refusal(), { timeout: 30_000 }).toBeUndefined();
    await opened.close();
    await server.close();
  });
});
