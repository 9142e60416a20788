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
   * The prefix of every key. In a cluster, the keys of one call are on one node only if they share a hash tag, and a read needs the
   * values and the watermark of one moment. So the whole snapshot is on one node, and a cluster only adds failover.
   */
  readonly prefix: string;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A start waits this long for the first connection, and then continues without: Redis is optional. */
const firstConnectionMs = 1_000;
const { timeLimitMs: connectMs, retries } = policies["redis.connection"];

const shared = {
  // Fail at once without a connection: an immediate miss is better than a late value.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // A write that is resent after a reconnect may be older than newer writes of other processes.
  autoResendUnfulfilledCommands: false,
  connectTimeout: connectMs,
  // Closes a connection that does not answer; the calls on it have timed out long before.
  socketTimeout: 2_000,
  lazyConnect: true,
  connectionName: "gatehouse",
  retryStrategy: (attempt: number) => Math.min(retries.firstPauseMs * attempt, retries.longestPauseMs) * (0.5 + Math.random() / 2),
} satisfies RedisOptions;

export async function connectRedis(address: RedisAddress, logger: Logger): Promise<RedisConnection> {
  const client = clientFor(address);
  let isReported = false;
  client.on("ready", () => {
    if (isReported) logger.info("Redis answers again");
    isReported = false;
  });
  // Logged once per outage, not at each attempt.
  client.on("error", (error) => {
    if (!isReported) logger.warn({ err: error }, "Redis does not answer; the database is queried instead");
    isReported = true;
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
    // Reads must see the last writes: a replica may lag behind.
    scaleReads: "master",
    redisOptions: { ...each, ...login },
  });
}
