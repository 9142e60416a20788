import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";

/** A process that the bench started. It leads its own process group, so that ending it also ends its children. */
export interface Child {
  name: string;
  pid: number;
  process: ChildProcess;
  /** Resolves with what follows `word` on the first line that begins with it. */
  line(word: string, timeoutMs: number): Promise<string>;
  /** The end of its output, for the message of a failure. */
  tail(): string;
  /** Asks it to end (SIGTERM), and kills its group if it has not ended within the grace time. */
  stop(): Promise<void>;
  ended: boolean;
}

export interface ChildOrder {
  name: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Adds a message channel. */
  ipc?: boolean;
}

const running = new Set<Child>();
const tailCharacters = 4_000;
const graceMs = 15_000;

/** Starts a program with the Node that runs the bench, so that both sides have the same one. */
export function startNode(scope: AsyncDisposableStack, order: ChildOrder): Child {
  const started = spawn(process.execPath, order.args, {
    detached: true,
    cwd: order.cwd,
    env: { ...plainEnvironment(), ...order.env },
    stdio: order.ipc ? ["pipe", "pipe", "pipe", "ipc"] : ["pipe", "pipe", "pipe"],
  });
  let written = "";
  const keep = (chunk: string) => {
    written = (written + chunk).slice(-tailCharacters);
  };
  started.stdout?.setEncoding("utf8").on("data", keep);
  started.stderr?.setEncoding("utf8").on("data", keep);

  const child: Child = {
    name: order.name,
    pid: started.pid ?? -1,
    process: started,
    line: (word, timeoutMs) => waitForLine(child, word, timeoutMs),
    tail: () => written.trim(),
    stop: () => stop(child),
    ended: false,
  };
  running.add(child);
  started.once("exit", () => {
    child.ended = true;
    running.delete(child);
  });
  started.once("error", (error) => {
    child.ended = true;
    running.delete(child);
    keep(error.message);
  });
  scope.defer(() => child.stop());
  return child;
}

/** For the exit of the bench itself, where nothing can be awaited. */
export function killLeftovers(): void {
  for (const child of running) killGroup(child);
}

/** Only what a program needs to run: a DATABASE_URL or REDIS_URL of the caller's shell must not change a figure. */
function plainEnvironment(): Record<string, string> {
  const env: Record<string, string> = { TMPDIR: tmpdir() };
  for (const name of ["PATH", "HOME", "LANG", "TZ"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function waitForLine(child: Child, word: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let pending = "";
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      child.process.stdout?.off("data", read);
      child.process.off("exit", ended);
      finish();
    };
    const fail = (what: string) => settle(() => reject(new Error(`${child.name} ${what}; it wrote:\n${child.tail()}`)));
    const read = (chunk: string) => {
      pending += chunk;
      const lines = pending.split("\n");
      pending = lines.pop() ?? "";
      const found = lines.find((line) => line === word || line.startsWith(`${word} `));
      if (found !== undefined) settle(() => resolve(found.slice(word.length + 1)));
    };
    const ended = (code: number | null, signal: string | null) => fail(`ended with ${code ?? signal}`);
    const timer = setTimeout(() => fail(`did not say "${word}" within ${timeoutMs} ms`), timeoutMs);
    child.process.stdout?.on("data", read);
    child.process.once("exit", ended);
  });
}

async function stop(child: Child): Promise<void> {
  if (child.ended) return;
  const end = new Promise<void>((resolve) => child.process.once("exit", () => resolve()));
  child.process.kill("SIGTERM");
  const timer = setTimeout(() => killGroup(child), graceMs);
  await end;
  clearTimeout(timer);
}

function killGroup(child: Child): void {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
