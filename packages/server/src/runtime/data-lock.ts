import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { refuseUnusableFolder } from "#platform/database/data-folder.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { isLocked, type OsLock, takeOsLock } from "./os-lock.ts";

/** The process that owns a data directory, and how the command line calls it. Readable by its owner only: it has a secret. */
export interface Holder {
  /** In its own PID namespace: a container's process 7 is not this machine's. */
  readonly pid: number;
  readonly host: string;
  /** Identifies one boot of one kernel: only processes of the same kernel can rely on its locks. */
  readonly kernel: string;
  readonly url: string;
  readonly startedAt: string;
  /** Authenticates the command line at the control endpoint, and identifies the holder. */
  readonly secret: string;
}

export interface DataLock {
  readonly holder: Holder;
  /** Resolves when another process has taken the directory: this process must stop writing. */
  readonly lost: Promise<void>;
  /** Records the address that the server listens on. */
  announce(url: string): void;
  release(): void;
}

/** A running process owns the directory; the message names it. */
export class DataDirectoryHeld extends StartRefused {
  /** Undefined while the holder has not recorded itself yet. */
  readonly holder: Holder | undefined;
  constructor(dataDir: string, holder: Holder | undefined) {
    const by = holder ? `process ${holder.pid} on ${holder.host}, at ${holder.url} since ${holder.startedAt}` : "an unknown process";
    super(`The data directory ${dataDir} is in use by ${by}. Stop it, or give this one another GATEHOUSE_DATA_DIR.`);
    this.name = "DataDirectoryHeld";
    this.holder = holder;
  }
}

export interface LockTimes {
  /** How often a holder writes a heartbeat. */
  readonly beatMs: number;
  /** How long to wait for a heartbeat of a holder on another kernel before treating it as dead. */
  readonly observeMs: number;
}

/**
 * On a network file system the operating system's lock may hold only within each machine. There a holder is dead after seven missed
 * heartbeats: a garbage collection, a stalled disk or a long statement delays one or two.
 */
const usual: LockTimes = { beatMs: 2_000, observeMs: 15_000 };

const holderFile = (dataDir: string): string => join(dataDir, "gatehouse.lock");
/** Never deleted: two processes that lock one name but different files would both hold it. */
const lockFile = (dataDir: string): string => join(dataDir, "gatehouse.lock.os");

/** The running process that owns the directory, or undefined. */
export function holderOf(dataDir: string, times: LockTimes = usual): Holder | undefined {
  const holder = readHolder(dataDir);
  if (holder === undefined) return undefined;
  if (isLocked(lockFile(dataDir))) return readHolder(dataDir) ?? holder;
  return holder.kernel !== thisKernel() && hasHeartbeat(dataDir, times) ? holder : undefined;
}

/**
 * Locks the directory for this process. The operating system releases the lock when the process dies in any way, also where
 * that process is not visible from here (another container). Throws {@link DataDirectoryHeld}.
 */
export function lockDataDir(dataDir: string, url: string, times: LockTimes = usual): DataLock {
  mkdirSyncOrRefuse(dataDir);
  refuseUnusableFolder(dataDir);
  const lock = takeOsLock(lockFile(dataDir));
  if (lock === undefined) throw new DataDirectoryHeld(dataDir, readHolder(dataDir));
  try {
    const before = readHolder(dataDir);
    if (before !== undefined && before.kernel !== thisKernel() && hasHeartbeat(dataDir, times))
      throw new DataDirectoryHeld(dataDir, before);
    const startedAt = new Date().toISOString();
    const secret = randomBytes(32).toString("base64url");
    const holder: Holder = { pid: process.pid, host: hostname(), kernel: thisKernel(), url, startedAt, secret };
    writeHolder(dataDir, holder);
    return dataLock(dataDir, holder, lock, times);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function dataLock(dataDir: string, holder: Holder, lock: OsLock, { beatMs }: LockTimes): DataLock {
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const beat = setInterval(() => {
    if (readHolder(dataDir)?.secret !== holder.secret) resolve();
    else writeHeartbeat(dataDir);
  }, beatMs).unref();
  return {
    holder,
    lost,
    announce: (address) => writeHolder(dataDir, { ...holder, url: address }),
    release() {
      clearInterval(beat);
      if (readHolder(dataDir)?.secret === holder.secret) rmSync(holderFile(dataDir), { force: true });
      lock.release();
    },
  };
}

/** Needs no disk space, so a heartbeat works on a full disk. */
function writeHeartbeat(dataDir: string): void {
  try {
    const now = new Date();
    utimesSync(holderFile(dataDir), now, now);
  } catch {
    // Missing or read-only at the moment; the next heartbeat tries again.
  }
}

/** Observes changes instead of comparing times: the clocks of two machines differ. */
function hasHeartbeat(dataDir: string, { beatMs, observeMs }: LockTimes): boolean {
  const first = lastHeartbeat(dataDir);
  for (let waitedMs = 0; waitedMs < observeMs; waitedMs += beatMs) {
    if (first === undefined) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, beatMs);
    if (lastHeartbeat(dataDir) !== first) return true;
  }
  return false;
}

/** Reopens the file each time: a network file system revalidates at an open, and may not at a stat. */
function lastHeartbeat(dataDir: string): number | undefined {
  try {
    const file = openSync(holderFile(dataDir), "r");
    try {
      return fstatSync(file).mtimeMs;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function writeHolder(dataDir: string, holder: Holder): void {
  const next = `${holderFile(dataDir)}.next`;
  writeFileSync(next, JSON.stringify(holder), { mode: 0o600 });
  renameSync(next, holderFile(dataDir));
}

/** Undefined where the file is missing or has another format. Says nothing about whether the lock is taken. */
function readHolder(dataDir: string): Holder | undefined {
  try {
    const found = JSON.parse(readFileSync(holderFile(dataDir), "utf8")) as Partial<Holder> | null;
    return typeof found?.secret === "string" && typeof found.url === "string" ? (found as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function mkdirSyncOrRefuse(dataDir: string): void {
  if (existsSync(dataDir)) return;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartRefused(`GATEHOUSE_DATA_DIR ${dataDir} cannot be made: ${(error as Error).message}.`, "configuration", error);
  }
}

const bootFile = "/proc/sys/kernel/random/boot_id";

/** Linux has an identifier of each boot; elsewhere the host name identifies the kernel. */
function thisKernel(): string {
  try {
    return readFileSync(bootFile, "utf8").trim();
  } catch {
    return hostname();
  }
}
