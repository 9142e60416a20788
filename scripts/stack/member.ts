import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { listensAt } from "@gatehouse/testing/services.ts";
import { stackFolder } from "./folder.ts";

export interface Plan {
  readonly name: string;
  readonly role: string;
  readonly port: number;
}

const program = join(import.meta.dirname, "..", "..", "packages", "server", "bin", "gatehouse.js");
const readyMsMax = 60_000;
const pollEveryMs = 100;
/** Delay of a restart, so that a failing process does not restart in a tight loop. */
const restartAfterMs = 1_000;

/** One process, restarted until the program ends. */
export class Member {
  readonly plan: Plan;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ending = false;
  /** The process's output since its start, without log lines. */
  #lastWords = "";
  /** The set-up link of the very first start. */
  setUpLink: string | undefined;

  constructor(plan: Plan, environment: Readonly<Record<string, string>>) {
    this.plan = plan;
    this.#environment = environment;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Throws a readable error where the port is taken, the configuration is refused, or it is not ready in time. */
  async start(): Promise<void> {
    const { name, port } = this.plan;
    if (await listensAt(`http://127.0.0.1:${port}`))
      throw new Error(`${name} cannot start: something listens on port ${port} already. Stop it, or pass another --port.`);
    this.#spawn();
    const deadline = Date.now() + readyMsMax;
    while (Date.now() < deadline) {
      // A refused configuration (EX_CONFIG) would be refused again.
      if (this.#child?.exitCode === 78) throw new Error(`${name} does not start:\n${this.#lastWords.trimEnd()}`);
      const ready = await fetch(`http://127.0.0.1:${this.plan.port}/health/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
    }
    throw new Error(`${name} was not ready in time: see ${this.#log}`);
  }

  async stop(): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  get #log(): string {
    return join(stackFolder, `${this.plan.name}.log`);
  }

  #spawn(): void {
    const { name, role, port } = this.plan;
    const child = spawn(process.execPath, [program, "start", "--role", role, "--port", String(port)], {
      env: { PATH: process.env["PATH"], ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const log = createWriteStream(this.#log, { flags: "a", mode: 0o600 });
    child.stdout.on("data", (chunk: Buffer) => {
      this.setUpLink ??= /^\s+(http\S+\/setup\?token=\S+)$/m.exec(chunk.toString())?.[1];
      log.write(withoutBanner(chunk.toString()));
    });
    this.#lastWords = "";
    child.stderr.on("data", (chunk: Buffer) => {
      this.#lastWords += chunk.toString();
    });
    child.stderr.pipe(log);
    child.on("exit", (code, signal) => {
      if (this.#ending) return;
      process.stdout.write(`${name} (process ${child.pid}) ended with ${signal ?? code}; it is restarted\n`);
      setTimeout(() => this.#ending || this.#spawn(), restartAfterMs);
    });
  }
}

/** The banner contains the set-up link, which must not be logged. */
const withoutBanner = (text: string): string =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => `${line}\n`)
    .join("");
