import { closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StartRefused } from "#platform/start-refused.ts";

/** A lock of the operating system on a file. It ends with its process. */
export interface OsLock {
  release(): void;
}

/** SQLITE_BUSY: another process, or another lock of this one, has the file. */
const busy = 5;
/** {@link isLocked} holds a shared lock for microseconds; a concurrent start waits for it. */
const waitMs = 500;

/**
 * Locks the file for this process; undefined where another process has it. Node has no file locks, but its SQLite has them on every
 * platform. An exclusively opened empty database is a lock of the operating system (fcntl, LockFileEx), also between containers of one
 * machine and on network file systems with locks. Nothing is written to the file.
 */
export function takeOsLock(file: string): OsLock | undefined {
  const database = open(file, waitMs);
  try {
    // Without an in-memory journal SQLite creates one next to the file.
    database.exec("pragma journal_mode = memory; begin exclusive");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw notLockable(file, error);
  }
  return { release: () => database.close() };
}

/** Whether another process has locked the file. */
export function isLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  const database = open(file, 0);
  try {
    database.exec("begin; select 1 from sqlite_schema");
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw notLockable(file, error);
  } finally {
    database.close();
  }
}

function open(file: string, timeout: number): DatabaseSync {
  try {
    // Created before SQLite opens it, readable by its owner only. An existing file is not opened: closing any descriptor of a locked
    // file releases this process's locks on it (POSIX).
    if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
    return new DatabaseSync(file, { timeout });
  } catch (error) {
    throw notLockable(file, error);
  }
}

const isBusy = (error: unknown): boolean => (error as { readonly errcode?: number }).errcode === busy;

const notLockable = (file: string, cause: unknown): StartRefused =>
  new StartRefused(
    `${file} cannot be locked: ${(cause as Error).message}. GATEHOUSE_DATA_DIR needs a file system with file locks.`,
    "configuration",
    cause,
  );
