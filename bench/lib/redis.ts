import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { rootFolder } from "./paths.ts";

/** Where Redis listens. The product's keys have no name of an installation, so every row takes a database of its own. */
const redisUrl = process.env["BENCH_REDIS_URL"] ?? "redis://127.0.0.1:6379";
/** Redis has sixteen unless it is told otherwise; the first is everybody's. */
const lastDatabase = 15;
const claimName = "gatehouse-bench";

/** The commands that the bench uses, of the client that the product has. */
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
    on(event: "error", told: () => void): void;
  };
  // Whoever waits for an answer is told by its failure.
  client.on("error", () => {});
  scope.defer(async () => void (await client.quit().catch(() => {})));
  return client;
}

/** The address of an empty database of Redis, which is emptied when the row ends. */
export async function freshRedis(scope: AsyncDisposableStack): Promise<string> {
  for (let database = lastDatabase; database > 0; database -= 1) {
    const url = `${redisUrl.replace(/\/\d*$/, "")}/${database}`;
    const client = connectRedis(scope, url);
    const size = await client.dbsize().catch((error: Error) => {
      throw new Error(`this row needs Redis at ${new URL(redisUrl).host} (BENCH_REDIS_URL): ${error.message}`);
    });
    if (size > 0 || (await client.set(claimName, randomUUID(), "NX")) === null) continue;
    scope.defer(async () => void (await client.flushdb()));
    return url;
  }
  throw new Error(`no database of Redis from 1 to ${lastDatabase} is empty`);
}
