import { type SpawnOptions, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { below, tell } from "./process-tree.ts";
import { reapAtEnd, spare } from "./reaper.ts";

/** A program that the suite has started; ended with the suite, whatever happens to that. */
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
const outputCharactersMax = 64 * 1_024;

/** Starts a program in a process group of its own, so that Ctrl-C reaches the suite and not what it is watching. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options, detached: true });
  const ended = Promise.withResolvers<Ended>();
  let text = "";
  const remember = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-outputCharactersMax);
  };
  const pid = child.pid ?? 0;
  if (pid !== 0) reapAtEnd({ process: pid });
  child.stdout?.on("data", remember);
  child.stderr?.on("data", remember);
  child.on("error", (error) => {
    text += `${program}: ${error.message}`;
    ended.resolve({ code: null, signal: null });
  });
  child.on("exit", (code, signal) => {
    spare({ process: pid });
    ended.resolve({ code, signal });
  });
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
  reapAtEnd({ folder });
  return folder;
}

export function removeNow(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  spare({ folder });
}
