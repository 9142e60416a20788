import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Who holds a data directory, and how the command line talks to it. Readable by its owner only: it has a secret. */
export interface Holder {
  readonly pid: number;
  readonly url: string;
  readonly startedAt: string;
  /** What the command line shows at the control door. */
  readonly secret: string;
}

export interface DataLock {
  readonly holder: Holder;
  /** Writes down where the server came to listen. */
  announce(url: string): void;
  release(): void;
}

/** The directory is held by a running process; the message names it. */
export class DataDirectoryHeld extends Error {
  readonly holder: Holder;
  constructor(dataDir: string, holder: Holder) {
    super(`The data directory ${dataDir} is in use by process ${holder.pid}, at ${holder.url} since ${holder.startedAt}.`);
    this.name = "DataDirectoryHeld";
    this.holder = holder;
  }
}

const fileOf = (dataDir: string): string => join(dataDir, "gatehouse.lock");

/** The running process that holds the directory, or undefined. */
export function holderOf(dataDir: string): Holder | undefined {
  const text = readLock(fileOf(dataDir));
  const holder = text === undefined ? undefined : parse(text);
  return holder && isRunning(holder.pid) ? holder : undefined;
}

/** Takes the directory for this process. Throws {@link DataDirectoryHeld}; takes over what a dead process has left. */
export function lockDataDir(dataDir: string, url: string): DataLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = fileOf(dataDir);
  const holder: Holder = { pid: process.pid, url, startedAt: new Date().toISOString(), secret: randomBytes(32).toString("base64url") };
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(holder), { mode: 0o600 });
  try {
    take(dataDir, file, own);
  } finally {
    rmSync(own, { force: true });
  }
  return {
    holder,
    announce: (address) => replace(file, { ...holder, url: address }),
    release: () => rmSync(file, { force: true }),
  };
}

/** Linking is atomic, and fails where the lock is: of two starts one wins. */
function take(dataDir: string, file: string, own: string): void {
  for (;;) {
    try {
      linkSync(own, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const held = readLock(file);
    if (held === undefined) continue;
    const holder = parse(held);
    if (holder && isRunning(holder.pid)) throw new DataDirectoryHeld(dataDir, holder);
    removeStale(file, held);
  }
}

/** Moves a dead process's lock away; puts it back when it turns out to be another one, taken in this moment. */
function removeStale(file: string, stale: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readLock(aside) !== stale) linkSync(aside, file);
  rmSync(aside, { force: true });
}

function replace(file: string, holder: Holder): void {
  const next = `${file}.next`;
  writeFileSync(next, JSON.stringify(holder), { mode: 0o600 });
  renameSync(next, file);
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** A number that the system has given to another program since is not the holder: where /proc tells, it is asked. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("gatehouse");
  } catch {
    return true;
  }
}
