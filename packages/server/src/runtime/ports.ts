import { readFileSync } from "node:fs";
import type { DestinationStream, Logger } from "pino";
import type { ModuleManifest } from "#operation/declaration/module.ts";
import type { Broker } from "#platform/broker/broker.ts";
import { databaseBroker } from "#platform/broker/database-broker.ts";
import { instrumentedBroker } from "#platform/broker/instrumented.ts";
import { type Clock, systemClock } from "#platform/clock.ts";
import type { Database } from "#platform/database/database.ts";
import { DatabaseClock } from "#platform/database/database-clock.ts";
import { instrumentedDatabase } from "#platform/database/instrumented.ts";
import { observeWrites } from "#platform/database/observed-writes.ts";
import type { EmbeddedDatabase } from "#platform/database/pglite.ts";
import { instrumentedJobs } from "#platform/jobs/instrumented.ts";
import { pgBossJobs, type Queue } from "#platform/jobs/pg-boss.ts";
import type { DerivedKey, KeyRing } from "#platform/keys/keys.ts";
import { inProcessLimits } from "#platform/limits/limits.ts";
import { Consumers } from "#platform/log/consumers/consumers.ts";
import { instrumentedConsumer } from "#platform/log/consumers/instrumented.ts";
import { refusalOf } from "#platform/log/database-away.ts";
import { LogFollower } from "#platform/log/follower.ts";
import { type FormerVersions, Publisher } from "#platform/log/publish.ts";
import { guardedMail } from "#platform/mail/guarded.ts";
import { type DevelopmentInbox, developmentInbox } from "#platform/mail/inbox.ts";
import type { Mail } from "#platform/mail/mail.ts";
import type { Platform } from "#platform/platform.ts";
import type { RedisAddress } from "#platform/redis/address.ts";
import { createResilience, type Resilience } from "#platform/resilience/resilience.ts";
import { noRevocationList } from "#platform/revocation-list/revocation-list.ts";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import { inProcessSnapshotCache } from "#platform/snapshot-cache/in-process.ts";
import { tracedSnapshotCache } from "#platform/snapshot-cache/traced.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { createMetrics, type Metrics } from "#platform/telemetry/metrics.ts";
import { noTracer, type Tracer } from "#platform/telemetry/tracing.ts";
import type { Configuration } from "./configuration.ts";
import { refuseUnfitDatabase } from "./fit-database.ts";
import { openKeyRing } from "./key-ring.ts";
import { prepareDatabase } from "./prepare-database.ts";
import { isAll } from "./roles.ts";
import { openStorage } from "./storage.ts";
import { transportKeys } from "./transport-keys.ts";
import { redisAuthenticator, untrustedReporter } from "./trust.ts";

/** Replacements of ports, for tests. */
export interface Overrides {
  readonly logger?: Logger;
  /** Where the configured logger writes. */
  readonly logDestination?: DestinationStream;
  readonly clock?: Clock;
  /** The machine's clock, which is compared with the database's. */
  readonly machineClock?: () => number;
  /** A migrated PGlite to start from. */
  readonly image?: Blob;
  /** Modules in addition to those of the product. */
  readonly modules?: readonly ModuleManifest[];
}

export interface Ports {
  readonly platform: Platform;
  readonly inbox: DevelopmentInbox | undefined;
  /** Resolves when the database has failed for good, so that this process must end. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

/** The declarations of the modules that the ports need. */
export interface Declared {
  readonly queues: readonly Queue[];
  readonly retiredQueues: readonly string[];
  readonly formerVersions: FormerVersions;
}

/** PostgreSQL may recover, so its loss is never final. */
const never: Promise<void> = new Promise(() => {});

/** Opens each port with the adapter that the configuration selects. The database is migrated when this returns. */
export async function openPorts(
  configuration: Configuration,
  { queues, retiredQueues, formerVersions }: Declared,
  overrides: Overrides = {},
): Promise<Ports> {
  const { settings } = configuration;
  const { tracer, logger, metrics } = await openTelemetry(configuration, overrides);
  const opened = await openStorage(configuration, { logger, image: overrides.image });
  const embedded = opened.kind === "pglite" ? (opened as EmbeddedDatabase) : undefined;
  const { database, writes } = observeWrites(instrumentedDatabase(opened, { metrics, tracer }), embedded?.shortage);
  try {
    await refuseUnfitDatabase(database, configuration);
    await prepareDatabase(opened, configuration, logger);
    const keys = await openKeyRing(database, configuration);
    const inbox = configuration.smtpUrl === undefined ? developmentInbox(database) : undefined;
    const resilience = createResilience(metrics);
    const redis = configuration.redis && (await openRedis(configuration, configuration.redis, { resilience, logger, metrics, keys }));
    const log = new LogFollower(database, logger, redis?.away);
    const skewSeconds = (skewMs: number): void => metrics.clockSkewSeconds.set(skewMs / 1_000);
    // Embedded storage uses the clock of this process.
    const clock =
      opened.kind === "pglite"
        ? undefined
        : await DatabaseClock.open(opened, {
            onMeasured: skewSeconds,
            ...(overrides.machineClock === undefined ? {} : { machine: overrides.machineClock }),
          });
    const consumers = new Consumers(database, logger, {
      instrument: (consumer) => instrumentedConsumer(consumer, { metrics, tracer, logger }),
    });
    log.onRestart(() => consumers.restart());
    const rpc = await openRpc(configuration, { logger, metrics, keys: transportKeys(configuration, keys) });
    const platform: Platform = {
      database,
      writes,
      log,
      snapshotCache: tracedSnapshotCache(redis?.snapshotCache ?? inProcessSnapshotCache(), tracer),
      consumers,
      publisher: new Publisher({ log, consumers, rpc, metrics, formerVersions }),
      rpc,
      jobs: instrumentedJobs(
        await pgBossJobs(opened, queues, logger, {
          url: configuration.databaseUrl,
          directUrl: configuration.databaseDirectUrl,
          schema: configuration.databaseSchema,
          retired: retiredQueues,
          works: configuration.roles.has("worker"),
        }),
        { metrics, tracer, logger },
      ),
      broker: instrumentedBroker(await openBroker(configuration, database, logger, log), { metrics, tracer, resilience }),
      mail: inbox ?? guardedMail(await openSmtp(configuration), resilience),
      keys,
      limits: redis?.limits ?? inProcessLimits(),
      revocationList: redis?.revocationList ?? noRevocationList,
      resilience,
      logger,
      metrics,
      tracer,
      clock: overrides.clock ?? clock ?? systemClock,
      clockSkewMs: () => clock?.skewMs ?? 0,
      settings,
    };
    const lost = embedded ? embedded.pglite.lost.then((error) => logger.fatal({ err: error }, error.message)) : never;
    return {
      platform,
      inbox,
      lost,
      async close() {
        clock?.close();
        await closeAll(platform);
      },
    };
  } catch (error) {
    await database.close();
    await tracer.close();
    throw error;
  }
}

/** Opens logs, metrics and traces, for any role. */
export async function openTelemetry(configuration: Configuration, overrides: Overrides = {}) {
  const metrics = createMetrics();
  const tracer = await openTracer(configuration, metrics);
  return { tracer, logger: overrides.logger ?? openLogger(configuration, overrides, tracer), metrics };
}

export function openLogger(configuration: Configuration, { logDestination }: Overrides = {}, tracer: Tracer = noTracer): Logger {
  const { logLevel: level, settings, environment, roles } = configuration;
  return createLogger({
    level,
    version: settings.version,
    environment,
    roles: isAll(roles) ? "all" : [...roles].join(","),
    ...(tracer.on ? { trace: () => tracer.current } : {}),
    ...(logDestination === undefined ? {} : { destination: logDestination }),
  });
}

/** Adapters of services are loaded where they are configured, so the embedded server does not load their code. */
export async function openRpc(
  { natsUrl, natsPrefix, roles }: Configuration,
  { logger, metrics, keys }: { readonly logger: Logger; readonly metrics: Metrics; readonly keys: readonly DerivedKey[] },
): Promise<Rpc> {
  if (natsUrl === undefined) return inProcessRpc();
  const [{ natsRpc }, { encryptedMessages }] = await Promise.all([
    import("#platform/rpc/nats.ts"),
    import("#platform/rpc/encrypted-messages.ts"),
  ]);
  return natsRpc(natsUrl, logger, {
    name: `gatehouse ${[...roles].join(",")}`,
    prefix: natsPrefix,
    messages: encryptedMessages(keys),
    distrusted: untrustedReporter("nats", { metrics, logger }),
  });
}

/** Loads OpenTelemetry only where traces are exported. */
async function openTracer({ tracesEndpoint, tracesRatio, environment, settings }: Configuration, metrics: Metrics): Promise<Tracer> {
  if (tracesEndpoint === undefined) return noTracer;
  const { otlpTracer } = await import("#platform/telemetry/otlp.ts");
  return otlpTracer({ endpoint: tracesEndpoint, ratio: tracesRatio, version: settings.version, environment, metrics });
}

/** Loads the adapter that is configured, so that an embedded start stays small (decision 0022). */
async function openBroker(configuration: Configuration, database: Database, logger: Logger, log: LogFollower): Promise<Broker> {
  const { eventsUrl, roles } = configuration;
  // A process that only answers queries neither publishes nor receives.
  const needed = roles.has("worker") || roles.has("command");
  if (eventsUrl === undefined || !needed) {
    return databaseBroker(database, logger, { onRestart: (listener) => log.onRestart(listener) });
  }
  return openEventBroker(eventsUrl, configuration, logger);
}

/** Loads the mail client only where a mail server is configured. */
async function openSmtp({ smtpUrl, mailFrom }: Configuration): Promise<Mail> {
  const { smtpMail } = await import("#platform/mail/smtp.ts");
  return smtpMail(smtpUrl as string, mailFrom);
}

/** Opens the broker at an address. */
export async function openEventBroker(
  eventsUrl: string,
  { kafkaAliases, kafkaCaFile }: Pick<Configuration, "kafkaAliases" | "kafkaCaFile">,
  logger: Logger,
): Promise<Broker> {
  if (eventsUrl.startsWith("amqp")) return (await import("#platform/broker/rabbitmq.ts")).rabbitmqBroker(eventsUrl, logger);
  if (eventsUrl.startsWith("kafka")) {
    const ca = kafkaCaFile === undefined ? undefined : readFileSync(kafkaCaFile, "utf8");
    return (await import("#platform/broker/kafka.ts")).kafkaBroker(eventsUrl, logger, { aliases: kafkaAliases, ca });
  }
  return (await import("#platform/broker/jetstream.ts")).jetstreamBroker(eventsUrl, logger);
}

/** Loads the Redis client only where Redis is configured. */
async function openRedis(configuration: Configuration, address: RedisAddress, dependencies: RedisDependencies) {
  const { resilience, logger, keys } = dependencies;
  const trust = { authenticator: redisAuthenticator(keys), distrusted: untrustedReporter("redis", dependencies) };
  const { databaseUrl, databaseAwaySeconds: seconds, limitsWithoutRedis } = configuration;
  const [{ connectRedis }, { redisSnapshotCache }, { redisLimits }, { redisPeerDetector }, { redisRevocationList }] = await Promise.all([
    import("#platform/redis/client.ts"),
    import("#platform/snapshot-cache/redis.ts"),
    import("#platform/limits/redis.ts"),
    import("#platform/log/redis-peer-detector.ts"),
    import("#platform/revocation-list/redis.ts"),
  ]);
  const connection = await connectRedis(address, logger);
  // Embedded storage is in this process, so it cannot be unavailable while the process runs.
  const mayBeAway = databaseUrl !== undefined && seconds > 0;
  const away = mayBeAway
    ? { peers: redisPeerDetector(connection, resilience, seconds, trust), refuses: refusalOf(databaseUrl), seconds }
    : undefined;
  return {
    snapshotCache: redisSnapshotCache(connection, resilience, trust),
    limits: redisLimits(connection, resilience, { without: limitsWithoutRedis, authenticator: trust.authenticator }),
    revocationList: redisRevocationList(connection, resilience),
    away,
  };
}

interface RedisDependencies {
  readonly resilience: Resilience;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly keys: KeyRing;
}

/** Closes the sources of work before the ports that the work uses. */
async function closeAll({ broker, consumers, rpc, jobs, log, mail, snapshotCache, database, tracer }: Platform): Promise<void> {
  await broker.close();
  await consumers.close();
  await rpc.close();
  await jobs.close();
  await log.stop();
  await mail.close();
  await snapshotCache.close();
  await database.close();
  await tracer.close();
}
