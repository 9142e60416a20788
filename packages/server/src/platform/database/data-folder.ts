import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StartRefused } from "../start-refused.ts";

/** Where PostgreSQL's files lie in a data directory. */
export const clusterFolder = (dataDir: string): string => join(dataDir, "postgres");
/** Folders of first starts that did not come to their end. */
const unfinishedPrefix = "postgres.new.";

/** The files of embedded storage cannot be used as they are. The message names the page that tells how to go back to a backup. */
export class DamagedDataDirectory extends StartRefused {
  constructor(dataDir: string, problem: string, cause?: unknown) {
    super(
      `The data directory ${dataDir} is damaged: ${problem}. Keep a copy of it, and restore a backup: docs/operations/backup.md.`,
      "configuration",
      cause,
    );
    this.name = "DamagedDataDirectory";
  }
}

/** Writes and removes a file: rights alone do not tell whether a file system takes writes. */
export function refuseUnusableFolder(dataDir: string): void {
  const file = join(dataDir, `.write-check.${process.pid}`);
  try {
    closeSync(openSync(file, "w", 0o600));
    rmSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    throw new StartRefused(
      `GATEHOUSE_DATA_DIR ${dataDir} cannot be written: ${message}. ` +
        (isFull
          ? "Make room on its disk."
          : "Give its user the right to write, or mount it writable; a disk that became read-only by itself is failing: docs/operations/backup.md."),
      isFull ? "unavailable" : "configuration",
      error,
    );
  }
}

/** Whether PostgreSQL's files are there. Throws {@link DamagedDataDirectory} for a folder that is not a whole cluster. */
export function hasCluster(dataDir: string): boolean {
  const folder = clusterFolder(dataDir);
  if (!existsSync(folder) || readdirSync(folder).length === 0) return false;
  // Without this file PGlite would take the folder for a new one, and lay an empty cluster out over what is there.
  for (const file of ["PG_VERSION", "global/pg_control"]) {
    if (!existsSync(join(folder, file))) throw new DamagedDataDirectory(dataDir, `postgres/${file} is missing`);
  }
  return true;
}

/**
 * Has `layOut` make a new cluster in a folder beside, writes it through to the disk and gives it its name: a start that is
 * killed meanwhile leaves a folder that the next one removes.
 */
export async function makeCluster(dataDir: string, layOut: (folder: string) => Promise<void>): Promise<void> {
  const beside = join(dataDir, `${unfinishedPrefix}${process.pid}`);
  await layOut(beside);
  syncTree(beside);
  renameSync(beside, clusterFolder(dataDir));
  syncFile(dataDir);
}

/** Removes what first starts have left. The caller holds the data directory. */
export function removeUnfinished(dataDir: string): void {
  for (const name of readdirSync(dataDir).filter((name) => name.startsWith(unfinishedPrefix))) {
    rmSync(join(dataDir, name), { recursive: true, force: true });
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) syncFile(join(entry.parentPath, entry.name));
  }
  syncFile(folder);
}

function syncFile(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
