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

/** Who holds a data directory, and how the command line talks to it. Readable by its owner only: it has a secret. */
export interface Holder {
  /** As its own PID namespace numbers it; a container's process 7 is none of this machine's. */
  readonly pid: number;
  readonly host: string;
  /** Names one boot of one kernel: an operating system's lock is trusted between processes of the same one. */
  readonly kernel: string;
  readonly url: string;
  readonly startedAt: string;
  /** What the command line shows at the control door. It also tells one holder from the next. */
  readonly secret: string;
}

export interface DataLock {
  readonly holder: Holder;
  /** Resolves when another process has taken the directory: this one must write no more. */
  readonly lost: Promise<void>;
  /** Writes down where the server came to listen. */
  announce(url: string): void;
  release(): void;
}

/** The directory is held by a running process; the message names it. */
export class DataDirectoryHeld extends StartRefused {
  /** Undefined where the holder has not written down yet who it is. */
  readonly holder: Holder | undefined;
  constructor(dataDir: string, holder: Holder | undefined) {
    const by = holder
      ? `process ${holder.pid} on ${holder.host}, at ${holder.url} since ${holder.startedAt}`
      : "a process that does not say which it is";
    super(`The data directory ${dataDir} is in use by ${by}. Stop it, or give this one another GATEHOUSE_DATA_DIR.`);
    this.name = "DataDirectoryHeld";
    this.holder = holder;
  }
}

export interface LockTimes {
  /** How often a holder shows that it lives. */
  readonly beatMs: number;
  /** How long a holder on another kernel is observed before it is taken for dead. */
  readonly observeMs: number;
}

/**
 * Between machines that share a network file system the operating system's lock may hold on each machine alone. There a holder
 * is dead when it has missed seven beats: a collection of garbage, a stalled disk or a long statement delays one or two.
 */
const usual: LockTimes = { beatMs: 2_000, observeMs: 15_000 };

const holderFile = (dataDir: string): string => join(dataDir, "gatehouse.lock");
/** Never deleted: two processes that lock one name but different files would both hold it. */
const lockFile = (dataDir: string): string => join(dataDir, "gatehouse.lock.os");

/** The running process that holds the directory, or undefined. */
export function holderOf(dataDir: string, times: LockTimes = usual): Holder | undefined {
  const holder = readHolder(dataDir);
  if (holder === undefined) return undefined;
  if (isLocked(lockFile(dataDir))) return readHolder(dataDir) ?? holder;
  return holder.kernel !== thisKernel() && showsLife(dataDir, times) ? holder : undefined;
}

/**
 * Takes the directory for this process. The operating system holds the lock and lets it go when the process dies, however it
 * dies, and whether or not the other process can be seen from here (another container). Throws {@link DataDirectoryHeld}.
 */
export function lockDataDir(dataDir: string, url: string, times: LockTimes = usual): DataLock {
  mkdirSyncOrRefuse(dataDir);
  refuseUnusableFolder(dataDir);
  const lock = takeOsLock(lockFile(dataDir));
  if (lock === undefined) throw new DataDirectoryHeld(dataDir, readHolder(dataDir));
  try {
    const before = readHolder(dataDir);
    if (before !== undefined && before.kernel !== thisKernel() && showsLife(dataDir, times)) throw new DataDirectoryHeld(dataDir, before);
    const startedAt = new Date().toISOString();
    const secret = randomBytes(32).toString("base64url");
    const holder: Holder = { pid: process.pid, host: hostname(), kernel: thisKernel(), url, startedAt, secret };
    writeHolder(dataDir, holder);
    return held(dataDir, holder, lock, times);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function held(dataDir: string, holder: Holder, lock: OsLock, { beatMs }: LockTimes): DataLock {
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const beat = setInterval(() => {
    if (readHolder(dataDir)?.secret !== holder.secret) resolve();
    else showLife(dataDir);
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

/** Needs no space: a holder on a full disk lives as well. */
function showLife(dataDir: string): void {
  try {
    const now = new Date();
    utimesSync(holderFile(dataDir), now, now);
  } catch {
    // Gone or read-only in this moment; the next beat looks again.
  }
}

/** Looks for changes instead of comparing times: the clocks of two machines differ. */
function showsLife(dataDir: string, { beatMs, observeMs }: LockTimes): boolean {
  const first = lastBeat(dataDir);
  for (let waitedMs = 0; waitedMs < observeMs; waitedMs += beatMs) {
    if (first === undefined) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, beatMs);
    if (lastBeat(dataDir) !== first) return true;
  }
  return false;
}

/** Opened anew each time: a network file system asks its server again at an open, and may not at a stat. */
function lastBeat(dataDir: string): number | undefined {
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

/** Undefined where there is none, and where the file is not one of ours: it says nothing about whether the lock is held. */
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

/** Linux names each boot; elsewhere there are no containers of another kernel that a machine's name would not tell apart. */
function thisKernel(): string {
  try {
    return readFileSync(bootFile, "utf8").trim();
  } catch {
    return hostname();
  }
}
