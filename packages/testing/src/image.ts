import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { pino } from "pino";
import type { TestProject } from "vitest/node";
import { migrate } from "../../server/src/platform/database/migrations.ts";
import { type EmbeddedDatabase, openPglite } from "../../server/src/platform/database/pglite.ts";
import { pgBossJobs } from "../../server/src/platform/jobs/pg-boss.ts";
import { queues, schemaSteps } from "../../server/src/runtime/modules.ts";
import { makeTemplate, postgresAnswers } from "./postgres.ts";
import { startOnce } from "./start-once.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A file with a migrated, empty PGlite: opening it is ten times faster than making one. */
    databaseImage: string;
    /** A file with a PGlite after the product's first start. */
    startedImage: string;
    /** The name of such a database on the PostgreSQL of the tests; undefined where the suite runs without one. */
    startedTemplate: string | undefined;
    /** The master key of the started image and template. */
    masterKey: string;
  }
}

/** Vitest's global set-up: makes what every server of the tests begins from, once for all test files. */
export default async function makeImages(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-test-"));
  const masterKey = randomBytes(32).toString("base64");
  const migrated = await makeMigrated();
  const started = await makeStarted(migrated, { folder, masterKey });
  const keep = async (name: "databaseImage" | "startedImage", image: Blob): Promise<void> => {
    const file = join(folder, `${name}.tar`);
    writeFileSync(file, Buffer.from(await image.arrayBuffer()));
    project.provide(name, file);
  };
  await keep("databaseImage", migrated);
  await keep("startedImage", started);
  const template = process.env["TEST_BACKEND"] === "postgresql" && (await postgresAnswers()) ? await makeTemplate(masterKey) : undefined;
  project.provide("startedTemplate", template?.name);
  project.provide("masterKey", masterKey);
  return async () => {
    rmSync(folder, { recursive: true, force: true });
    await template?.drop();
  };
}

async function makeMigrated(): Promise<Blob> {
  const database = await openPglite("memory", { image: await makeSmallCluster() });
  await migrate(database.owner, schemaSteps);
  const jobs = await pgBossJobs(database, queues, pino({ level: "silent" }), { url: undefined, works: false });
  await jobs.close();
  return dump(database);
}

async function makeStarted(migrated: Blob, { folder, masterKey }: { readonly folder: string; readonly masterKey: string }): Promise<Blob> {
  const dataDir = join(folder, "started");
  await startOnce({ GATEHOUSE_DATA_DIR: dataDir, GATEHOUSE_MASTER_KEY: masterKey }, migrated);
  return dump(await openPglite(dataDir));
}

async function dump(database: EmbeddedDatabase): Promise<Blob> {
  await shrink(database);
  const image = await database.pglite.dumpDataDir("none");
  await database.close();
  return image;
}

/**
 * Settings of every server of the tests. By default each would clear 160 MiB of buffers at its start, and copy segments of the log of
 * 16 MiB, used ones kept for later. Sixteen MiB of buffers hold every page of a test's database.
 */
const settings = ["shared_buffers = '16MB'", "min_wal_size = '2MB'", "wal_recycle = off"];

async function makeSmallCluster(): Promise<Blob> {
  const cluster = new PGlite({ dataDir: "memory://", initDbStartParams: ["--wal-segsize=1"], postgresqlconf: settings });
  await cluster.waitReady;
  const image = await cluster.dumpDataDir("none");
  await cluster.close();
  return image;
}

/** An image opens twice as fast without unused databases, dead rows of migrations, and a log to recover from. */
async function shrink({ pglite }: EmbeddedDatabase): Promise<void> {
  await pglite.exec("update pg_database set datistemplate = false");
  const { rows } = await pglite.query<{ name: string }>(
    "select oid::regclass::text as name from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'",
  );
  const catalogs = rows.map(({ name }) => name).join(", ");
  for (const statement of [
    "drop database if exists template0",
    "drop database if exists template1",
    `vacuum full ${catalogs}`,
    "checkpoint",
  ])
    await pglite.exec(statement);
}

export const readImage = (file: string): Blob => new Blob([readFileSync(file)]);
