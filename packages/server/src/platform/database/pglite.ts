import { mkdirSync, rmSync } from "node:fs";
import { Kysely, PGliteDialect } from "kysely";
import { StartRefused } from "../start-refused.ts";
import { clusterFolder, DamagedDataDirectory, hasCluster, makeCluster, removeUnfinished } from "./data-folder.ts";
import type { AnyTables, Database } from "./database.ts";
import { type DiskReserve, diskReserve, mebibyte, shortageOf } from "./disk-reserve.ts";
import { EmbeddedPostgres } from "./embedded-postgres.ts";
import { damagedFile, removeManifest, writeManifest } from "./folder-manifest.ts";
import { scopedDatabase } from "./scoped.ts";
import { fixedSettings } from "./session.ts";

export interface EmbeddedDatabase extends Database {
  readonly kind: "pglite";
  readonly pglite: EmbeddedPostgres;
  /** Why nothing may be written now; undefined while enough of the disk is free. */
  shortage(): string | undefined;
}

export interface EmbeddedOptions {
  /** A dump to begin from. */
  readonly image?: Blob | undefined;
  /** What must stay free on the disk, in bytes; by default that of {@link diskReserve}. */
  readonly reserve?: number | DiskReserve | undefined;
}

/** A new cluster takes 40 MiB, most of it the first segments of the write-ahead log. */
const newClusterBytes = 48 * mebibyte;

/**
 * Opens the embedded PostgreSQL below `dataDir`, or in memory for `memory`. Without fsync: data survives a kill of the process,
 * not a power failure. The caller has locked the directory (`lockDataDir`). Throws `StartRefused` if the files or the disk are unusable.
 */
export async function openPglite(dataDir: string, { image, reserve: given }: EmbeddedOptions = {}): Promise<EmbeddedDatabase> {
  if (dataDir === "memory") {
    const pglite = new EmbeddedPostgres({ dataDir: "memory://", ...(image ? { loadDataDir: image } : {}) });
    await pglite.waitReady;
    return embedded(pglite);
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  removeUnfinished(dataDir);
  const reserve = typeof given === "object" ? given : diskReserve(dataDir, given);
  const isNew = !hasCluster(dataDir);
  refuseFullDisk(reserve, isNew);
  if (isNew) await makeCluster(dataDir, (folder) => layOut(folder, image));
  return openCluster(dataDir, reserve);
}

async function layOut(folder: string, image: Blob | undefined): Promise<void> {
  const pglite = new EmbeddedPostgres({ dataDir: folder, ...(image ? { loadDataDir: image } : {}) });
  try {
    await pglite.waitReady;
    await pglite.close();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new StartRefused(`Embedded storage cannot be made in ${folder}: ${(error as Error).message}.`, "unavailable", error);
  }
}

async function openCluster(dataDir: string, reserve: DiskReserve): Promise<EmbeddedDatabase> {
  const folder = clusterFolder(dataDir);
  const damage = damagedFile(folder);
  if (damage !== undefined) throw new DamagedDataDirectory(dataDir, damage);
  removeManifest(folder);
  const pglite = new EmbeddedPostgres({ dataDir: folder }, reserve);
  try {
    await pglite.waitReady;
  } catch (error) {
    throw new DamagedDataDirectory(dataDir, `PostgreSQL cannot open postgres/ (${(error as Error).message})`, error);
  }
  return embedded(pglite, reserve, () => writeManifest(folder));
}

async function embedded(pglite: EmbeddedPostgres, reserve?: DiskReserve, closed?: () => void): Promise<EmbeddedDatabase> {
  // Overrides settings of the database in the data directory for the only session.
  const settings = Object.entries(fixedSettings).map(([name, value]) => `set ${name} = '${value}';`);
  await pglite.exec(settings.join(" "));
  const kysely = new Kysely<AnyTables>({ dialect: new PGliteDialect({ pglite }) });
  const close = async () => {
    await kysely.destroy();
    // Kysely closes PGlite only if it has used it.
    if (!pglite.closed) await pglite.close();
    if (!pglite.hasEnded) closed?.();
  };
  const database = scopedDatabase({ kind: "pglite", writer: kysely, reader: kysely, owner: kysely }, close);
  return Object.assign(database, {
    kind: "pglite" as const,
    pglite,
    shortage: () => (reserve?.isShort() ? shortageOf(reserve) : undefined),
  });
}

function refuseFullDisk(reserve: DiskReserve, isNew: boolean): void {
  const needed = isNew ? reserve.bytes + newClusterBytes : reserve.bytes;
  if (reserve.freeBytes() >= needed) return;
  const forNew = isNew ? `; a first start needs ${newClusterBytes / mebibyte} MiB more` : "";
  throw new StartRefused(`${shortageOf(reserve)}${forNew}. Make room, or lower GATEHOUSE_DISK_RESERVE_MB.`, "unavailable");
}
