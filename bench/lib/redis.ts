import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { rootFolder } from "./paths.ts";

/** The address of Redis. The product's keys do not contain an installation's name, so every benchmark uses its own database. */
const redisUrl = process.env["BENCH_REDIS_URL"] ?? "redis://127.0.0.1:6379";
/** Redis has sixteen by default; the first is not used. */
const lastDatabase = 15;
const claimName = "gatehouse-bench";

/** The used commands of the product's Redis client. */
export interface RedisClient {
  dbsize(): Promise<number>;
  set(key: string, value: string, mode: "NX"): Promise<string | null>;
  flushdb(): Promise<string>;
  scan(cursor: string, option: "COUNT", count: number): Promise<[cursor: string, keys: string[]]>;
  call(command: "MEMORY", part: "USAGE", key: string, option: "SAMPLES", samples: number): Promise<number>;
  quit(): Promise<string>;
}

export function connectRedis(scope: AsyncDisposableStack, url: string): RedisClient {
  const { Redis } = createRequire(join(rootFolder, "packages", "server", "src", "platform", "redis", "client.ts"))("ioredis");
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null }) as RedisClient & {
    on(event: "error", listener: () => void): void;
  };
  // A failed call rejects its own promise.
  client.on("error", () => {});
  scope.defer(async () => void (await client.quit().catch(() => {})));
  return client;
}

/** The address of an empty database of Redis, which is cleared when the benchmark ends. */
export async function freshRedis(scope: AsyncDisposableStack): Promise<string> {
  for (let database = lastDatabase; database > 0; database -= 1) {
    const url = `${redisUrl.replace(/\/\d*$/, "")}/${database}`;
    const client = connectRedis(scope, url);
    const size = await client.dbsize().catch((error: Error) => {
      throw new Error(`this benchmark needs Redis at ${new URL(redisUrl).host} (BENCH_REDIS_URL): ${error.message}`);
    });
    if (size > 0 || (await client.set(claimName, randomUUID(), "NX")) === null) continue;
    scope.defer(async () => void (await client.flushdb()));
    return url;
  }
  throw new Error(`no database of Redis from 1 to ${lastDatabase} is empty`);
}
