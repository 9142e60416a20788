import { type SpawnOptions, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { below, sendSignal } from "./process-tree.ts";
import { reapAtEnd, spare } from "./reaper.ts";

/** A program that the suite started. It ends with the suite, also if the suite is killed. */
export interface Child {
  readonly pid: number;
  /** The end of its output. */
  output(): string;
  /** Its exit code; null while it runs and after a kill. */
  readonly code: number | null;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
  /** Freezes the program and its descendants; a database's backends are separate processes. */
  freeze(): void;
  thaw(): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Enough to see why a program ended. */
const outputCharactersMax = 64 * 1_024;

/** Starts a program in a process group of its own, so that Ctrl-C ends the suite and not the program. */
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
    // A script ends with its children, so the whole group receives the signal.
    signal: (signal) => sendSignal(signal === "SIGKILL" ? -pid : pid, signal),
    ended: ended.promise,
    freeze: () => [pid, ...below(pid)].forEach((id) => void sendSignal(id, "SIGSTOP")),
    thaw: () => [...below(pid), pid].forEach((id) => void sendSignal(id, "SIGCONT")),
  };
}

/** A temporary folder, deleted when the suite ends. */
export function removedAtEnd(folder: string): string {
  reapAtEnd({ folder });
  return folder;
}

export function removeNow(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  spare({ folder });
}
