import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { policies } from "../resilience/policies.ts";
import { pauseUntil, within } from "../waiting.ts";
import type { RedisAddress } from "./address.ts";

export type RedisClient = Redis | Cluster;

/** One connection for the cache, the limits and the peer failure detector of a process. */
export interface RedisConnection {
  readonly client: RedisClient;
  /**
   * Stands before every key. A cluster keeps keys of one call together only where they share a hash tag, and a reading needs the
   * values and the mark of one moment; so there the copy lies on one node, and a cluster serves it as a sentinel would.
   */
  readonly prefix: string;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A start waits so long for the first connection, and goes on without: a Redis that is away is no fault. */
const firstConnectionMs = 1_000;
const { timeLimitMs: connectMs, retries } = policies["redis.connection"];

const shared = {
  // A command that waits for a connection would come late; a miss now is worth more than a value later.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // A write that is sent again after a reconnect may be older than what was written meanwhile.
  autoResendUnfulfilledCommands: false,
  connectTimeout: connectMs,
  // A connection that owes an answer for so long is given up; the calls on it were given up long before.
  socketTimeout: 2_000,
  lazyConnect: true,
  connectionName: "gatehouse",
  retryStrategy: (attempt: number) => Math.min(retries.firstPauseMs * attempt, retries.longestPauseMs) * (0.5 + Math.random() / 2),
} satisfies RedisOptions;

export async function connectRedis(address: RedisAddress, logger: Logger): Promise<RedisConnection> {
  const client = clientFor(address);
  let told = false;
  client.on("ready", () => {
    if (told) logger.info("Redis answers again");
    told = false;
  });
  // Said once an outage, not at each try.
  client.on("error", (error) => {
    if (!told) logger.warn({ err: error }, "Redis does not answer; the database is asked instead");
    told = true;
  });
  await pauseUntil(
    firstConnectionMs,
    client.connect().catch(() => {}),
  );
  return {
    client,
    prefix: address.form === "cluster" ? "{gatehouse}:" : "",
    ping: async () => void (await within(connectMs, "Redis does not answer", client.ping())),
    close: async () => client.disconnect(),
  };
}

function clientFor(address: RedisAddress): RedisClient {
  if (address.form === "single") return new Redis(address.url, shared);
  const { username, password, nodes } = address;
  const login = { ...(username ? { username } : {}), ...(password ? { password } : {}), ...(address.tls ? { tls: {} } : {}) };
  if (address.form === "sentinel") {
    const { master, db, tls } = address;
    return new Redis({ ...shared, ...login, db, sentinels: [...nodes], name: master, ...(tls ? { enableTLSForSentinelMode: true } : {}) });
  }
  const { retryStrategy, maxRetriesPerRequest: _none, ...each } = shared;
  return new Cluster([...nodes], {
    enableOfflineQueue: false,
    lazyConnect: true,
    clusterRetryStrategy: retryStrategy,
    // The writer's own words have to be read: a replica may be behind them.
    scaleReads: "master",
    redisOptions: { ...each, ...login },
  });
}
