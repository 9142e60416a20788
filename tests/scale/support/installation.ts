import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { dropWithRole } from "@gatehouse/testing/databases.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { adminUrl } from "@gatehouse/testing/postgres.ts";
import { startRedis } from "@gatehouse/testing/redis.ts";
import { services } from "@gatehouse/testing/services.ts";
import { type Process, startProcess } from "../../distributed/support.ts";
import { root } from "../../newcomer/process.ts";

export interface Installation {
  /** The gateway's address. */
  readonly url: string;
  readonly administrator: { readonly email: string; readonly password: string };
  /** Runs `gatehouse …` on this installation and returns its output. */
  run(...args: string[]): Promise<string>;
  /** Starts the roles. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Background roles first, the HTTP server last. */
const roles = ["worker", "command", "query", "gateway"] as const;
const readyWithinMs = 120_000;

/**
 * An installation as in production: each role in a process of its own behind NATS, with Redis, on a database whose login owns only that
 * database (deploy/postgresql/login.sh). `fill` receives a superuser's address of the migrated database.
 */
export async function install(fill: (url: string) => Promise<void>): Promise<Installation> {
  const name = `gatehouse_scale_${randomBytes(6).toString("hex")}`;
  const administrator = { email: "root@example.com", password: "a quiet green harbour" };
  const [own, filling] = [new URL(adminUrl), new URL(adminUrl)];
  Object.assign(own, { username: name, password: "few rights", pathname: `/${name}` });
  filling.pathname = `/${name}`;
  makeLogin(name, decodeURIComponent(own.password));
  const redis = await startRedis();
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-scale-"));
  const ports = new Map<string, number>();
  for (const role of roles) ports.set(role, await freePort());
  const url = `http://127.0.0.1:${ports.get("gateway")}`;
  const environment = {
    DATABASE_URL: own.href,
    NATS_URL: services.nats,
    NATS_PREFIX: name,
    REDIS_URL: redis.url,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_DATA_DIR: folder,
    PUBLIC_URL: url,
    LOG_LEVEL: "warn",
    DATABASE_POOL: "5",
  };
  const running: Process[] = [];
  const run = async (...args: string[]): Promise<string> => {
    const { code, output } = await runGatehouse(args, environment);
    if (code !== 0) throw new Error(`gatehouse ${args.join(" ")} ended with ${code}:\n${output}`);
    return output;
  };
  const installation: Installation = {
    url,
    administrator,
    run,
    async start() {
      for (const role of roles) {
        const first =
          role === "command" ? { GATEHOUSE_ADMIN_EMAIL: administrator.email, GATEHOUSE_ADMIN_PASSWORD: administrator.password } : {};
        const port = ports.get(role) as number;
        const process = startProcess(["start", "--role", role, "--port", String(port)], { ...environment, ...first });
        running.push(process);
        await ready(`http://127.0.0.1:${port}/health/ready`, role, process);
      }
    },
    async close() {
      for (const process of running.toReversed()) await process.end("SIGTERM");
      await redis.close();
      rmSync(folder, { recursive: true, force: true });
      await dropWithRole(name);
    },
  };
  try {
    await run("migrate");
    await fill(filling.href);
    return installation;
  } catch (error) {
    await installation.close();
    throw error;
  }
}

function makeLogin(name: string, password: string): void {
  const { hostname, port, username, password: administrators } = new URL(adminUrl);
  execFileSync(join(root, "deploy/postgresql/login.sh"), {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      PGHOST: hostname,
      PGPORT: port || "5432",
      PGPASSWORD: decodeURIComponent(administrators),
      POSTGRES_USER: decodeURIComponent(username),
      GATEHOUSE_DATABASE_LOGIN: name,
      GATEHOUSE_DATABASE_PASSWORD: password,
    },
  });
}

async function ready(url: string, role: string, process: Process): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the ${role} is not ready:\n${process.output()}`);
}
