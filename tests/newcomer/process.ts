import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";

export const root = join(import.meta.dirname, "..", "..");

/** `gatehouse start` as a process of its own, as a user starts it. */
export interface RunningServer {
  readonly url: string;
  /** Its output so far. */
  output(): string;
  /** Ends it and resolves with its exit code; null after a kill. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** On a busy machine a start takes many times as long. */
const readyWithinMs = 120_000;

export async function startServer(dataDir: string, environment: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const port = Number(environment["PORT"] ?? (await freePort()));
  const child = spawn(process.execPath, [join(root, "packages/server/bin/gatehouse.js"), "start"], {
    cwd: root,
    env: { PATH: process.env["PATH"], GATEHOUSE_DATA_DIR: dataDir, PORT: String(port), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const keep = (chunk: Buffer) => {
    text += chunk.toString();
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const url = `http://127.0.0.1:${port}`;
  const server = { url, output: () => text, end: (signal: NodeJS.Signals) => endProcess(child, signal) };
  await waitUntilReady(child, url, () => text);
  return server;
}

async function waitUntilReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output()}`);
    const ready = await fetch(`${url}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the server was not ready in time:\n${output()}`);
}

function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(child.exitCode);
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}

export interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program until it exits, and returns its output. */
export function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`, HOME: process.env["HOME"], ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
    // A program that exits without reading its input closes the pipe; its exit code is the result.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

export const gatehouse = (args: readonly string[], environment: Readonly<Record<string, string>> = {}, input = ""): Promise<Run> =>
  run(process.execPath, [join(root, "packages/server/bin/gatehouse.js"), ...args], environment, input);
