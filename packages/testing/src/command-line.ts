import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

const program = join(import.meta.dirname, "../../server/bin/gatehouse.js");

export interface Ended {
  readonly code: number | null;
  /** What it has printed, to either stream. */
  readonly output: string;
}

type Environment = Readonly<Record<string, string>>;

/** Begins a command of the command line as a process of its own; nothing of this process's configuration reaches it. */
export function beginGatehouse(args: readonly string[], environment: Environment): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env["PATH"], ...environment } });
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
  return { child, ended };
}

/** Runs a command to its end. */
export const runGatehouse = (args: readonly string[], environment: Environment): Promise<Ended> => beginGatehouse(args, environment).ended;
