import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import pg from "pg";
import { type Backup, backupOf } from "./backup.ts";
import { type Cluster, initCluster, newDrillFolder, newFolder, pause, startCluster } from "./cluster.ts";
import { type Acknowledged, runCommand, signUp, startProduct, write } from "./product.ts";

export interface DrillOptions {
  /** Acknowledged commands a second. */
  readonly perSecond: number;
  /** Time of writing before the base backup, after it, and after the named time. */
  readonly phaseSeconds: number;
  readonly archiveSeconds: number;
}

export interface DrillReport {
  readonly acknowledged: number;
  /** Acknowledged writes that are missing after the restore to the latest point. */
  readonly lost: number;
  /** The age of the oldest lost write at the moment of the loss; 0 where none was lost. */
  readonly rpoSeconds: number;
  /** From the loss of the disk to readiness on the restored database. */
  readonly rtoSeconds: number;
  /** Writes before the named time that are missing from its restore, or later ones that are present. */
  readonly wrongAtNamedTime: number;
  readonly verified: readonly string[];
}

/** Deletes the disk of a database under writes, restores it twice, and compares the result. */
export async function drillRestore(options: DrillOptions, report: (line: string) => void = () => {}): Promise<DrillReport> {
  const place = newDrillFolder();
  const clusters: Cluster[] = [];
  try {
    const dataDir = join(place, "postgres");
    const sockets = newFolder(place, "sockets");
    const port = await freePort();
    const backup = backupOf(place, dataDir, port, options.archiveSeconds);
    initCluster(dataDir, backup.postgresqlConfiguration);
    const cluster = await startCluster(dataDir, port, sockets);
    clusters.push(cluster);
    backup.prepare();
    const environment = {
      GATEHOUSE_DATA_DIR: place,
      DATABASE_URL: cluster.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      // One account creates all of them.
      GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
    };
    const { acknowledged, namedTime, lostAt } = await writeAndLose(cluster, backup, environment, options, report);

    backup.restore(newFolder(place, "postgres"));
    const restored = await startCluster(dataDir, port, sockets);
    clusters.push(restored);
    const product = await startProduct(environment);
    const rtoSeconds = (Date.now() - lostAt.getTime()) / 1_000;
    report(`restored to the latest point and ready after ${rtoSeconds.toFixed(1)} s`);
    const missing = await missingOf(restored.url, acknowledged);
    const verified = await verify(environment);
    await product.stop();
    await restored.lose();

    backup.restore(newFolder(place, "postgres"), namedTime);
    const earlier = await startCluster(dataDir, port, sockets);
    clusters.push(earlier);
    const missingThen = new Set((await missingOf(earlier.url, acknowledged)).map(({ id }) => id));
    const wrong = acknowledged.filter(({ id, at }) => !decidedAt(at, namedTime) && missingThen.has(id) !== at > namedTime);
    report(`restored to ${namedTime.toISOString()}`);
    const oldest = missing.map(({ at }) => at.getTime()).sort((one, other) => one - other)[0];
    return {
      acknowledged: acknowledged.length,
      lost: missing.length,
      rpoSeconds: oldest === undefined ? 0 : (lostAt.getTime() - oldest) / 1_000,
      rtoSeconds,
      wrongAtNamedTime: wrong.length,
      verified,
    };
  } finally {
    for (const cluster of clusters) await cluster.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

/** An acknowledgement is later than its commit, so writes near the named time are not compared. */
const decidedAt = (at: Date, namedTime: Date): boolean => Math.abs(at.getTime() - namedTime.getTime()) < 1_000;

async function writeAndLose(
  cluster: Cluster,
  backup: Backup,
  environment: Readonly<Record<string, string>>,
  { perSecond, phaseSeconds }: DrillOptions,
  report: (line: string) => void,
): Promise<{ acknowledged: readonly Acknowledged[]; namedTime: Date; lostAt: Date }> {
  const product = await startProduct(environment);
  const writing = write(product.url, await signUp(product.url, environment), perSecond);
  await pause(phaseSeconds * 1_000);
  backup.full();
  report(`base backup taken after ${writing.acknowledged.length} acknowledged writes`);
  await pause(phaseSeconds * 1_000);
  const namedTime = new Date();
  await pause(phaseSeconds * 1_000);
  const lostAt = new Date();
  await cluster.lose();
  report(`the disk is lost after ${writing.acknowledged.length} acknowledged writes`);
  await writing.stop();
  await product.stop();
  return { acknowledged: writing.acknowledged, namedTime, lostAt };
}

async function missingOf(url: string, acknowledged: readonly Acknowledged[]): Promise<readonly Acknowledged[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query("select id from organizations");
    const there = new Set(rows.map(({ id }) => id));
    return acknowledged.filter(({ id }) => !there.has(id));
  } finally {
    await client.end();
  }
}

/** Runs the product's verification on the restored data. */
async function verify(environment: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const said: string[] = [];
  for (const words of [
    ["projection", "verify"],
    ["audit", "verify"],
  ]) {
    const ended = await runCommand(words, environment);
    const name = `gatehouse ${words.join(" ")}`;
    if (ended === undefined) said.push(`${name}: skipped, this release has no such command`);
    else if (ended.code === 0) said.push(`${name}: passed`);
    else throw new Error(`${name} failed on the restored database:\n${ended.output}`);
  }
  return said;
}
