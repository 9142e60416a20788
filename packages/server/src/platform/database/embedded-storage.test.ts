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
import { rowsOf } from "./rows.ts";

// Each test initializes a cluster on the disk, which is slow on a busy machine.
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
/** Copies a data directory, as a restore of a backup does. */
const filled = () => cpSync(template, dataDir, { recursive: true });

/** A cluster with rows, closed like a server closes it. */
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
    const rows = await rowsOf(db, sql<{ count: number }>`select count(*)::int as count from notes`);
    return rows[0]?.count;
  });
const write = (database: EmbeddedDatabase) => database.transact(everyTenant, (tx) => sql`insert into notes values ('more')`.execute(tx));

describe("a first start", () => {
  it("that is killed during initialization leaves files that the next start removes", async () => {
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

  it("is rejected before any file is created if the disk has too little space", async () => {
    const reserve: DiskReserve = { bytes: mebibyte, freeBytes: () => 40 * mebibyte, isShort: () => false };
    await expect(openPglite(dataDir, { reserve })).rejects.toMatchObject({
      exitCode: 69,
      message: /40 MiB are free .* 1 MiB must stay free; a first start needs 48 MiB more.*GATEHOUSE_DISK_RESERVE_MB/,
    });
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

describe("cluster files that changed since the last close", () => {
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
    // PGlite would initialize an empty cluster in the folder.
    ["PG_VERSION deleted", () => rmSync(cluster("PG_VERSION")), /PG_VERSION is missing/],
  ];

  it.each(damages)("are rejected by name: %s", async (_what, damage, message) => {
    filled();
    damage();
    const before = readdirSync(cluster(), { recursive: true }).sort();
    const opened = openPglite(dataDir);
    await expect(opened).rejects.toMatchObject({ name: "DamagedDataDirectory", exitCode: 78, message });
    await expect(opened).rejects.toThrow("docs/operations/backup.md");
    expect(readdirSync(cluster(), { recursive: true }).sort()).toEqual(before);
  });

  it("are rejected by PostgreSQL itself after a kill, when there is no manifest", async () => {
    filled();
    rmSync(cluster("gatehouse.files.json"));
    for (const segment of readdirSync(cluster("pg_wal")).filter((name) => /^[0-9A-F]{24}$/.test(name))) rmSync(cluster("pg_wal", segment));
    await expect(openPglite(dataDir)).rejects.toMatchObject({ name: "DamagedDataDirectory", message: /PostgreSQL cannot open postgres\// });
  });

  it("are accepted if they have only grown, or were restored with their own manifest", async () => {
    filled();
    writeFileSync(cluster("base", "another"), "x");
    const database = await openPglite(dataDir);
    expect(await count(database)).toBe(2_000);
    await database.close();
  });
});

describe("a disk that runs full", () => {
  it("makes the database read-only below the reserve, and writable again when there is space", async () => {
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
    // Statements outside of transactions, like the job queue's.
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

  it("fails a transaction that began while there was space, and commits none of it", async () => {
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

  it("makes opening fail with a message", async () => {
    filled();
    await expect(openPglite(dataDir, { reserve: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      exitCode: 69,
      message: /MiB must stay free\. Make room, or lower GATEHOUSE_DISK_RESERVE_MB\./,
    });
  });

  it("is avoided by a reserve of 64 MiB, or of a quarter of a small disk", () => {
    const { bytes } = diskReserve(tmpdir());
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(64 * mebibyte);
    expect(diskReserve(tmpdir(), 123).bytes).toBe(123);
    expect(diskReserve(tmpdir()).freeBytes()).toBeGreaterThan(0);
  });
});

/** As on a disk that fails in the middle of a write: PostgreSQL ends itself (PANIC). */
describe("an embedded PostgreSQL that has ended", () => {
  it("rejects every call instead of looping forever, reports it, and is recovered by the next process", async () => {
    filled();
    const database = await openPglite(dataDir);
    await write(database);
    // Makes the write-ahead log unwritable.
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
