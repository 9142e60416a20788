import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Child, startNode } from "./child.ts";
import { rootFolder } from "./paths.ts";

export interface Gatehouse {
  url: string;
  child: Child;
  /** From the spawn to the first 200 of /health/ready. */
  readyMs: number;
}

/** GATEHOUSE_BIN measures another build than that of this checkout. */
const program = process.env["GATEHOUSE_BIN"] ?? join(rootFolder, "packages", "server", "bin", "gatehouse.js");

const readyTimeoutMs = 60_000;
/** The resolution of a start-up figure; each attempt costs the bench a fraction of a millisecond. */
const pollMs = 5;

export async function startGatehouse(scope: AsyncDisposableStack, env: Record<string, string>): Promise<Gatehouse> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = startNode(scope, {
    name: "gatehouse",
    args: [program, "start"],
    cwd: rootFolder,
    env: { HOST: "127.0.0.1", PORT: String(port), LOG_LEVEL: "warn", ...env },
  });
  let last = "no answer";
  while (performance.now() - startedAt < readyTimeoutMs) {
    if (child.ended) {
      const { exitCode, signalCode } = child.process;
      throw new Error(`gatehouse ended with ${exitCode ?? signalCode} before it was ready; it wrote:\n${child.tail()}`);
    }
    const status = await readiness(port);
    if (status === 200) return { url: `http://127.0.0.1:${port}`, child, readyMs: performance.now() - startedAt };
    if (status !== undefined) last = `status ${status}`;
    await sleep(pollMs);
  }
  throw new Error(`gatehouse was not ready within ${readyTimeoutMs} ms (/health/ready: ${last}); it wrote:\n${child.tail()}`);
}

/** Its status, or undefined while no process listens. */
function readiness(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = request({ host: "127.0.0.1", port, path: "/health/ready", agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    probe.once("timeout", () => probe.destroy());
    probe.once("error", () => resolve(undefined));
    probe.end();
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
