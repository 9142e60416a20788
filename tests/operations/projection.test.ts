import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../packages/server/src/platform/database/database.ts";
import { openPglite } from "../../packages/server/src/platform/database/pglite.ts";
import { openPostgresql } from "../../packages/server/src/platform/database/postgresql.ts";
import { gatehouse, type RunningServer, startServer } from "../newcomer/process.ts";

interface Installation {
  readonly dataDir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Direct access to the storage. */
  tamper(work: (database: Database) => Promise<void>): Promise<void>;
}

/** Starts a server on empty storage, creates an administrator, waits for the projection, and stops it. */
async function prepare({ dataDir, environment }: Installation): Promise<void> {
  const server = await startServer(dataDir, environment);
  const made = await gatehouse(
    ["user", "create", "--email", "ada@example.com", "--first-name", "Ada", "--last-name", "Admin", "--administrator"],
    { ...environment, GATEHOUSE_DATA_DIR: dataDir },
    "a quiet green harbour\n",
  );
  expect(made.code, made.output).toBe(0);
  const sound = await gatehouse(["projection", "verify"], { ...environment, GATEHOUSE_DATA_DIR: dataDir });
  expect(sound.output).toContain("all equal to the tables");
  expect(sound.code).toBe(0);
  await server.end("SIGTERM");
}

function projectionSuite(installation: () => Installation): void {
  const run = (...args: string[]) =>
    gatehouse(["projection", ...args], { ...installation().environment, GATEHOUSE_DATA_DIR: installation().dataDir });

  it("`projection verify` names changed, missing and surplus entries, and a rebuild repairs them", {
    timeout: 180_000,
  }, async () => {
    const unknownUser = "00000000-0000-7000-8000-000000000001";
    let deleted = "";
    await installation().tamper(async ({ owner }) => {
      await sql`update projection_entries set value = '{"status": "Suspended"}' where key like 'iam:user:id:%'`.execute(owner);
      const { rows } = await sql<{ key: string }>`delete from projection_entries
        where key = (select min(key) from projection_entries where key like 'iam:role:id:%') returning key`.execute(owner);
      deleted = (rows[0] as { key: string }).key;
      await sql`insert into projection_entries (key, value, version) values
        (${`iam:membership:user:${unknownUser}:internal`}, '{"roleIds": []}', 1), ('iam:no:such:part', '{}', 1)`.execute(owner);
    });
    const found = await run("verify");
    expect(found.code, found.output).toBe(1);
    expect(found.output).toMatch(/differs +table +iam:user:id:/);
    expect(found.output).toMatch(new RegExp(`missing +table +${deleted}`));
    expect(found.output).toMatch(new RegExp(`left over +table +iam:membership:user:${unknownUser}:internal`));
    expect(found.output).toMatch(/left over +table +iam:no:such:part/);
    expect(found.output).toContain("4 not equal to the tables");
    const rebuilt = await run("rebuild");
    expect(rebuilt.code, rebuilt.output).toBe(0);
    expect(rebuilt.output).toMatch(/\d+ entries recomputed/);
    const after = await run("verify");
    expect(after.output).toContain("all equal to the tables");
    expect(after.code).toBe(0);
  });
}

describe("gatehouse projection, on embedded storage", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-projection-"));
  const installation: Installation = {
    dataDir,
    environment: {},
    async tamper(work) {
      const database = await openPglite(dataDir);
      await work(database);
      await database.close();
    },
  };
  beforeAll(() => prepare(installation), 120_000);
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
  projectionSuite(() => installation);
});

describeOnPostgresql("gatehouse projection, on PostgreSQL and Redis", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-projection-"));
  let installation: Installation;
  let database: TestDatabase;
  let redis: OwnRedis;
  beforeAll(async () => {
    database = await makeDatabase();
    redis = await startRedis();
    const environment = { DATABASE_URL: database.url, REDIS_URL: redis.url };
    installation = {
      dataDir,
      environment,
      async tamper(work) {
        const opened = openPostgresql({ url: database.url, poolSize: 1 });
        await work(opened);
        await opened.close();
      },
    };
    await prepare(installation);
  }, 120_000);
  afterAll(async () => {
    await redis?.close();
    await database?.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  projectionSuite(() => installation);

  it("`projection verify` names a changed entry of the Redis snapshot while a server runs, and a rebuild replaces the snapshot", {
    timeout: 180_000,
  }, async () => {
    const environment = { ...installation.environment, GATEHOUSE_DATA_DIR: dataDir };
    let server: RunningServer | undefined;
    try {
      server = await startServer(dataDir, installation.environment);
      await expect.poll(() => redis.raw.get("iam:projection:watermark"), { timeout: 20_000 }).toMatch(/^\S+ \d+ \S+$/);
      const watermark = (await redis.raw.get("iam:projection:watermark")) as string;
      const [generation] = watermark.split(" ");
      await redis.raw.set("iam:policy", `${generation} 999 {"permissions":[],"model":{}}`);
      const found = await gatehouse(["projection", "verify"], environment);
      expect(found.output).toMatch(/differs +copy +iam:policy/);
      expect(found.code).toBe(1);
      expect((await gatehouse(["projection", "rebuild"], environment)).code).toBe(0);
      expect(await redis.raw.get("iam:projection:watermark")).not.toContain(generation);
      const after = await gatehouse(["projection", "verify"], environment);
      expect(after.code, after.output).toBe(0);
    } finally {
      await server?.end("SIGTERM");
    }
  });
});
