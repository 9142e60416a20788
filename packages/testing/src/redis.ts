import { spawn } from "node:child_process";
import { once } from "node:events";
import { Redis } from "ioredis";
import { describe } from "vitest";
import { parseRedisAddress, type RedisAddress } from "../../server/src/platform/redis/address.ts";
import { connectRedis, type RedisConnection } from "../../server/src/platform/redis/client.ts";
import { freePort } from "./free-port.ts";
import { silent } from "./silent.ts";

/** A Redis of the test's own, which it may flush, stop and restore. */
export interface OwnRedis {
  readonly url: string;
  connect(url?: string): Promise<RedisConnection>;
  /** A plain client, to inspect and tamper with the data. */
  readonly raw: Redis;
  close(): Promise<void>;
}

const whyNoRedis = await tried();

async function tried(): Promise<string | undefined> {
  if (process.env["TEST_BACKEND"] !== "postgresql") return "npm run test:services runs it";
  const probe = spawn("redis-server", ["--version"], { stdio: "ignore" });
  const [code] = await once(probe, "exit").catch(() => [1]);
  return code === 0 ? undefined : "there is no redis-server on this machine";
}

/** `describe` for tests on a real Redis; skipped with the reason where none can be started. */
export const describeOnRedis = (name: string, tests: () => void): void => {
  if (whyNoRedis === undefined) describe(`${name} [Redis]`, tests);
  else describe.skip(`${name} (skipped: ${whyNoRedis})`, tests);
};

export async function startRedis(...options: readonly string[]): Promise<OwnRedis> {
  const port = await freePort();
  const server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...options], {
    stdio: "ignore",
  });
  const url = `redis://127.0.0.1:${port}`;
  const raw = new Redis(url, { retryStrategy: () => 50 });
  raw.on("error", () => {});
  await raw.ping();
  const open: RedisConnection[] = [];
  return {
    url,
    raw,
    async connect(at = url) {
      const connection = await connectRedis(parseRedisAddress(at) as RedisAddress, silent);
      open.push(connection);
      return connection;
    },
    async close() {
      await Promise.all(open.map((each) => each.close()));
      raw.disconnect();
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    },
  };
}
