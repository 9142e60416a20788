import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

const program = join(import.meta.dirname, "../../server/bin/gatehouse.js");

export interface Ended {
  readonly code: number | null;
  /** Everything that was printed to stdout and stderr. */
  readonly output: string;
}

type Environment = Readonly<Record<string, string>>;

/** Starts a command of the command line as a separate process, without the environment of this one. */
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

/** Runs a command until it exits. */
export const runGatehouse = (args: readonly string[], environment: Environment): Promise<Ended> => beginGatehouse(args, environment).ended;
