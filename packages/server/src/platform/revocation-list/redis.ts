import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import type { RevocationList } from "./revocation-list.ts";

/** Writes the entries as plain keys with an expiry, so that any Redis client can look one up. */
export function redisRevocationList({ client }: RedisConnection, resilience: Resilience): RevocationList {
  const guard = resilience.guard("redis.revocation-list", "revocation list");
  return {
    publish: (entries) =>
      guard(async () => {
        // One call at a time: in a cluster the keys are on different nodes.
        for (const { key, value, ttlSeconds } of entries) await client.set(key, value, "EX", ttlSeconds);
      }),
  };
}
