import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StartRefused } from "../start-refused.ts";

/** The folder of PostgreSQL's files in a data directory. */
export const clusterFolder = (dataDir: string): string => join(dataDir, "postgres");
/** Folders of first starts that were interrupted. */
const unfinishedPrefix = "postgres.new.";

/** The files of embedded storage are damaged. The message names the page that explains how to restore a backup. */
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

/** Checks by writing and removing a file: permissions alone do not show whether a file system is writable. */
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

/** Whether PostgreSQL's files exist. Throws {@link DamagedDataDirectory} for an incomplete cluster. */
export function hasCluster(dataDir: string): boolean {
  const folder = clusterFolder(dataDir);
  if (!existsSync(folder) || readdirSync(folder).length === 0) return false;
  // Without these files PGlite would treat the folder as new, and initialize an empty cluster over the existing files.
  for (const file of ["PG_VERSION", "global/pg_control"]) {
    if (!existsSync(join(folder, file))) throw new DamagedDataDirectory(dataDir, `postgres/${file} is missing`);
  }
  return true;
}

/**
 * Creates a new cluster by `layOut` in a temporary folder, syncs it to the disk and renames it. A start that is
 * killed meanwhile leaves a folder that the next start removes.
 */
export async function makeCluster(dataDir: string, layOut: (folder: string) => Promise<void>): Promise<void> {
  const temporary = join(dataDir, `${unfinishedPrefix}${process.pid}`);
  await layOut(temporary);
  syncTree(temporary);
  renameSync(temporary, clusterFolder(dataDir));
  syncFile(dataDir);
}

/** Removes the folders of interrupted first starts. The caller must have locked the data directory. */
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
