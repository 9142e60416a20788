import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import type { TestProject } from "vitest/node";
import { type EmbeddedDatabase, openPglite } from "../../server/src/platform/database/pglite.ts";
import { makeTemplate, postgresAnswers } from "./postgres.ts";
import { startOnce } from "./start-once.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A file with a PGlite after its first start: opening it is ten times faster than making one. */
    databaseImage: string;
    /** The name of a database after its first start on the PostgreSQL of the tests; undefined where the suite runs without one. */
    databaseTemplate: string | undefined;
    /** The master key of both. */
    masterKey: string;
  }
}

/** Vitest's global set-up: makes what every server of the tests begins from, once for all test files. */
export default async function makeImages(project: TestProject): Promise<() => Promise<void>> {
  const file = join(tmpdir(), `gatehouse-test-${process.pid}.tar`);
  const masterKey = randomBytes(32).toString("base64");
  writeFileSync(file, await makeImage(masterKey));
  project.provide("databaseImage", file);
  const template = process.env["TEST_BACKEND"] === "postgresql" && (await postgresAnswers()) ? await makeTemplate(masterKey) : undefined;
  project.provide("databaseTemplate", template?.name);
  project.provide("masterKey", masterKey);
  return async () => {
    rmSync(file, { force: true });
    await template?.drop();
  };
}

async function makeImage(masterKey: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-image-"));
  try {
    await startOnce({ GATEHOUSE_DATA_DIR: folder, GATEHOUSE_MASTER_KEY: masterKey }, await makeSmallCluster());
    const database = await openPglite(folder);
    await shrink(database);
    const image = await database.pglite.dumpDataDir("none");
    await database.close();
    return Buffer.from(await image.arrayBuffer());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
  for (const statement of ["drop database template0", "drop database template1", `vacuum full ${catalogs}`, "checkpoint"])
    await pglite.exec(statement);
}

export const readImage = (file: string): Blob => new Blob([readFileSync(file)]);
