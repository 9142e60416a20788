import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";

/** A program that the suite has started; ended with the suite, whatever happens. */
export interface Child {
  readonly pid: number;
  /** What it has printed, the last part of it. */
  output(): string;
  /** Its exit code, null while it runs and after a kill. */
  readonly code: number | null;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
  /** Stops the program and everything below it in its tracks; a database's connections are processes of their own. */
  freeze(): void;
  thaw(): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Enough to see why something ended. */
const keptCharacters = 64 * 1_024;

const started = new Set<ChildProcess>();
const folders = new Set<string>();

/** Starts a program in a process group of its own, so that Ctrl-C reaches the suite and not what it is watching. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Child {
  endAllAtExit();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options, detached: true });
  const ended = Promise.withResolvers<Ended>();
  let text = "";
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-keptCharacters);
  };
  started.add(child);
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.on("error", (error) => {
    text += `${program}: ${error.message}`;
    started.delete(child);
    ended.resolve({ code: null, signal: null });
  });
  child.on("exit", (code, signal) => {
    started.delete(child);
    ended.resolve({ code, signal });
  });
  const pid = child.pid ?? 0;
  return {
    pid,
    output: () => text,
    get code() {
      return child.exitCode;
    },
    get running() {
      return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    },
    // What begins as a script ends with what it has begun, so all of the group is told.
    signal: (signal) => tell(signal === "SIGKILL" ? -pid : pid, signal),
    ended: ended.promise,
    freeze: () => [pid, ...below(pid)].forEach((id) => void tell(id, "SIGSTOP")),
    thaw: () => [...below(pid), pid].forEach((id) => void tell(id, "SIGCONT")),
  };
}

/** A folder that is removed with everything in it at the end. */
export function removedAtEnd(folder: string): string {
  endAllAtExit();
  folders.add(folder);
  return folder;
}

export function removeNow(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

function tell(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** Every process below `parent`, from /proc: the connections of PostgreSQL are no members of its group. */
function below(parent: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while it was looked at.
    }
  }
  const found: number[] = [];
  for (let level = [parent]; level.length > 0; ) {
    level = [...parents].filter(([, above]) => level.includes(above)).map(([pid]) => pid);
    found.push(...level);
  }
  return found;
}

let registered = false;

function endAllAtExit(): void {
  if (registered) return;
  registered = true;
  process.on("exit", () => {
    for (const { pid } of started) {
      if (pid === undefined) continue;
      for (const id of below(pid)) tell(id, "SIGKILL");
      tell(-pid, "SIGKILL");
    }
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
}
