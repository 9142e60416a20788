import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "../newcomer/process.ts";

export interface Process {
  /** Its output so far. */
  output(): string;
  /** Its child processes. */
  children(): readonly number[];
  /** Sends the signal if it runs, and resolves with its exit code; null after a kill. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a program with exactly the given environment; `gatehouse` by default. */
export function startProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  program = join(root, "packages/server/bin/gatehouse.js"),
): Process {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    env: { PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return {
    output: () => text,
    children: () => childrenOf(child.pid as number),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const [code] = await once(child, "exit");
      return code;
    },
  };
}

/** From proc(5): the fourth field of a process's stat is its parent. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]);
  } catch {
    // The process ended in the meantime.
    return undefined;
  }
}

/** Starting processes on a busy machine takes seconds; a longer start has failed. */
const untilMs = 60_000;

export const until = (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> =>
  expect.poll(isSo, { timeout: untilMs, interval: 50, message: what }).toBe(true);
