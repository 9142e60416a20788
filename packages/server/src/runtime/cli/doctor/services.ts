import type { Logger } from "pino";
import type { RedisAddress } from "#platform/redis/address.ts";
import { createMetrics } from "#platform/telemetry/metrics.ts";
import type { Configuration } from "../../configuration.ts";
import { keyRing } from "../../key-ring.ts";
import { openLogger, openRpc } from "../../ports.ts";
import { transportKeys } from "../../transport-keys.ts";
import { causeOf } from "../cause.ts";
import { bad, type Finding, good } from "./check.ts";

/** Checks each configured service. */
export async function checkServices(configuration: Configuration): Promise<readonly Finding[]> {
  const { natsUrl, redis } = configuration;
  const logger = openLogger({ ...configuration, logLevel: "silent" });
  return [
    ...(natsUrl === undefined
      ? []
      : [
          await answers("NATS", "NATS_URL", () =>
            openRpc(configuration, { logger, metrics: createMetrics(), keys: transportKeys(configuration, keyRing(configuration).keys) }),
          ),
        ]),
    ...(redis === undefined ? [] : [await answers("Redis", "REDIS_URL", () => openRedisOf(redis, logger))]),
  ];
}

interface Service {
  ping(): Promise<void>;
  close(): Promise<void>;
}

async function answers(name: string, variable: string, open: () => Promise<Service>): Promise<Finding> {
  try {
    const service = await open();
    try {
      await service.ping();
      return good(`${name} answers`);
    } finally {
      await service.close();
    }
  } catch (error) {
    return bad(`${name} does not answer (${variable}): ${causeOf(error as Error)}`);
  }
}

/** Loads the client only where Redis is configured, as a start does. */
const openRedisOf = async (address: RedisAddress, logger: Logger) =>
  (await import("#platform/redis/client.ts")).connectRedis(address, logger);
