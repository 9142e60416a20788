import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, truncateSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { everyTenant } from "./database.ts";
import { type DiskReserve, diskReserve, mebibyte } from "./disk-reserve.ts";
import { Unavailable } from "./driver-errors.ts";
import { createApplicationRole } from "./migrations.ts";
import { observeWrites } from "./observed-writes.ts";
import { type EmbeddedDatabase, openPglite } from "./pglite.ts";

// Each lays out a cluster on the disk, which on a machine with other work takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let template: string;
let dataDir: string;
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "gatehouse-embedded-template-"));
  await makeFilled(template);
});
afterAll(() => rmSync(template, { recursive: true, force: true }));
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "gatehouse-embedded-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));
const cluster = (...path: string[]) => join(dataDir, "postgres", ...path);
/** As a backup is restored. */
const filled = () => cpSync(template, dataDir, { recursive: true });

/** A cluster with rows in it, closed as a server closes it. */
async function makeFilled(folder: string): Promise<void> {
  const database = await openPglite(folder);
  await createApplicationRole(database.owner);
  await sql`create table notes (body text)`.execute(database.owner);
  await sql`insert into notes select repeat('x', 1000) from generate_series(1, 2000)`.execute(database.owner);
  await sql`grant all on notes to gatehouse_app`.execute(database.owner);
  await database.close();
}

const count = (database: EmbeddedDatabase) =>
  database.read(everyTenant, async (db) => {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from notes`.execute(db as never);
    return rows[0]?.count;
  });
const write = (database: EmbeddedDatabase) => database.transact(everyTenant, (tx) => sql`insert into notes values ('more')`.execute(tx));

describe("a first start", () => {
  it("that is killed while it lays the files out leaves what the next one removes", async () => {
    const script = `const { openPglite } = await import(${JSON.stringify(new URL("pglite.ts", import.meta.url).href)});
      await openPglite(${JSON.stringify(dataDir)});`;
    const seen = Promise.withResolvers<void>();
    const watcher = watch(dataDir, (_event, name) => name?.startsWith("postgres.new.") && seen.resolve());
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "inherit" });
    await seen.promise;
    watcher.close();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(cluster())).toBe(false);
    expect(readdirSync(dataDir)).toEqual([expect.stringMatching(/^postgres\.new\./)]);
    const database = await openPglite(dataDir);
    await database.ping();
    expect(readdirSync(dataDir)).toEqual(["postgres"]);
    await database.close();
  });

  it("is refused where the disk has no room for it, before anything is made", async () => {
    const reserve: DiskReserve = { bytes: mebibyte, freeBytes: () => 40 * mebibyte, isShort: () => false };
    await expect(openPglite(dataDir, { reserve })).rejects.toMatchObject({
      exitCode: 69,
      message: /40 MiB are free .* 1 MiB must stay free; a first start needs 48 MiB more.*GATEHOUSE_DISK_RESERVE_MB/,
    });
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

describe("files that are not as they were closed", () => {
  const largest = () => {
    const files = readdirSync(cluster("base"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map((entry) => join(entry.parentPath, entry.name)).sort((one, other) => statSync(other).size - statSync(one).size)[0];
  };
  const damages: readonly (readonly [string, () => void, RegExp])[] = [
    ["a table's file cut short", () => truncateSync(largest() as string, 8192), /postgres\/base\/.* was cut short/],
    ["a table's file deleted", () => rmSync(largest() as string), /postgres\/base\/.* is missing/],
    ["the write-ahead log deleted", () => rmSync(cluster("pg_wal"), { recursive: true }), /postgres\/pg_wal\/.* is missing/],
    ["pg_control cut short", () => truncateSync(cluster("global", "pg_control"), 100), /pg_control was cut short/],
    ["pg_control deleted", () => rmSync(cluster("global", "pg_control")), /pg_control is missing/],
    // PGlite would lay an empty cluster out over the folder.
    ["PG_VERSION deleted", () => rmSync(cluster("PG_VERSION")), /PG_VERSION is missing/],
  ];

  it.each(damages)("are refused, and named: %s", async (_what, damage, message) => {
    filled();
    damage();
    const before = readdirSync(cluster(), { recursive: true }).sort();
    const opened = openPglite(dataDir);
    await expect(opened).rejects.toMatchObject({ name: "DamagedDataDirectory", exitCode: 78, message });
    await expect(opened).rejects.toThrow("docs/operations/backup.md");
    expect(readdirSync(cluster(), { recursive: true }).sort()).toEqual(before);
  });

  it("are refused by PostgreSQL itself after a kill, when nothing was written down about them", async () => {
    filled();
    rmSync(cluster("gatehouse.files.json"));
    for (const segment of readdirSync(cluster("pg_wal")).filter((name) => /^[0-9A-F]{24}$/.test(name))) rmSync(cluster("pg_wal", segment));
    await expect(openPglite(dataDir)).rejects.toMatchObject({ name: "DamagedDataDirectory", message: /PostgreSQL cannot open postgres\// });
  });

  it("that have only grown, or were restored with their own list, open", async () => {
    filled();
    writeFileSync(cluster("base", "another"), "x");
    const database = await openPglite(dataDir);
    expect(await count(database)).toBe(2_000);
    await database.close();
  });
});

describe("a disk that runs full", () => {
  it("refuses writes below the reserve, goes on reading, and writes again when there is room", async () => {
    filled();
    let free = 100 * mebibyte;
    const bytes = 64 * mebibyte;
    const reserve: DiskReserve = { bytes, freeBytes: () => free, isShort: () => free < bytes };
    const database = await openPglite(dataDir, { reserve });
    const { writes } = observeWrites(database, database.shortage);
    await write(database);
    expect(await writes.refusal()).toBeUndefined();

    free = 5 * mebibyte;
    await expect(write(database)).rejects.toBeInstanceOf(Unavailable);
    // Statements that bring no transaction of their own, as the job queue's.
    await expect(database.pglite.query("insert into notes values ('x')")).rejects.toMatchObject({ code: "25006" });
    await expect(database.pglite.exec("begin; insert into notes values ('x'); commit")).rejects.toMatchObject({ code: "25006" });
    await database.pglite.query("rollback");
    await expect(sql`create table more (x int)`.execute(database.owner)).rejects.toMatchObject({ code: "25006" });
    expect(await count(database)).toBe(2_001);
    expect(await writes.refusal()).toMatch(/5 MiB are free on the disk of GATEHOUSE_DATA_DIR, and 64 MiB must stay free/);

    free = 100 * mebibyte;
    await write(database);
    expect(await count(database)).toBe(2_002);
    expect(await writes.refusal()).toBeUndefined();
    await database.close();
  });

  it("ends a transaction that was begun while there was room, and keeps what it is told to only if it is committed", async () => {
    filled();
    let isShort = false;
    const reserve: DiskReserve = { bytes: 0, freeBytes: () => mebibyte * 100, isShort: () => isShort };
    const database = await openPglite(dataDir, { reserve });
    const halfway = database.transact(everyTenant, async (tx) => {
      await sql`insert into notes values ('half')`.execute(tx);
      isShort = true;
      await sql`insert into notes values ('other half')`.execute(tx);
    });
    await expect(halfway).rejects.toBeInstanceOf(Unavailable);
    expect(await count(database)).toBe(2_000);
    isShort = false;
    await database.transact(everyTenant, async (tx) => {
      await sql`insert into notes values ('whole')`.execute(tx);
      isShort = true;
    });
    expect(await count(database)).toBe(2_001);
    await database.close();
  });

  it("refuses an opening with a sentence", async () => {
    filled();
    await expect(openPglite(dataDir, { reserve: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      exitCode: 69,
      message: /MiB must stay free\. Make room, or lower GATEHOUSE_DISK_RESERVE_MB\./,
    });
  });

  it("has a reserve of 64 MiB, or of a quarter where the disk is small", () => {
    const { bytes } = diskReserve(tmpdir());
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(64 * mebibyte);
    expect(diskReserve(tmpdir(), 123).bytes).toBe(123);
    expect(diskReserve(tmpdir()).freeBytes()).toBeGreaterThan(0);
  });
});

/** As a disk that refuses a write in the middle of one: PostgreSQL ends itself (PANIC). */
describe("an embedded PostgreSQL that has ended", () => {
  it("rejects every call instead of calling it for ever, says so, and is recovered by the next process", async () => {
    filled();
    const database = await openPglite(dataDir);
    await write(database);
    // A write-ahead log that cannot be written.
    const [log, aside] = [cluster("pg_wal"), join(dataDir, "pg_wal")];
    renameSync(log, aside);
    writeFileSync(log, "no folder");
    await database.pglite.query("select pg_switch_wal()").catch(() => {});
    await expect(write(database)).rejects.toBeInstanceOf(Unavailable);
    expect((await database.pglite.lost).message).toContain("the embedded PostgreSQL has ended");
    const calls = [() => write(database), () => count(database), () => database.ping(), () => sql`select 1`.execute(database.owner)];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(Unavailable);
    const { writes } = observeWrites(database, database.shortage);
    expect(await writes.refusal()).toBe("the database does not answer");
    await database.close();
    expect(existsSync(cluster("gatehouse.files.json"))).toBe(false);

    rmSync(log);
    renameSync(aside, log);
    const again = await openPglite(dataDir);
    expect(await count(again)).toBe(2_001);
    await again.close();
  });
});
