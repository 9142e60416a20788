import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { parseEnv } from "node:util";
import { mebibyte } from "#platform/database/disk-reserve.ts";
import { parseAddress } from "#platform/network/address.ts";
import { isLoopbackAddress } from "#platform/network/address-ranges.ts";
import type { TrustedProxies } from "#platform/network/trusted-proxies.ts";
import type { RedisAddress } from "#platform/redis/address.ts";
import type { Settings } from "#platform/settings.ts";
import { ineffectiveSettings } from "./ineffective-settings.ts";
import { callsOtherProcesses, isAll, needsDatabase, type Role, servesOtherProcesses } from "./roles.ts";
import { type Variable, variables } from "./variables.ts";
import { version } from "./version.ts";

/** The parsed configuration. */
export interface Configuration {
  readonly roles: ReadonlySet<Role>;
  /** Number of processes behind one port. */
  readonly workers: number;
  readonly host: string;
  readonly port: number;
  readonly operationsPort: number | undefined;
  readonly dataDir: string;
  /** Bytes that must stay free on the disk of embedded storage; undefined: derived from the size of the disk. */
  readonly diskReserveBytes: number | undefined;
  readonly databaseUrl: string | undefined;
  readonly databaseReadUrl: string | undefined;
  /** The same database without a pooler. */
  readonly databaseDirectUrl: string | undefined;
  /** The schema of the product's tables. */
  readonly databaseSchema: string;
  readonly databasePool: number;
  readonly natsUrl: string | undefined;
  readonly natsPrefix: string;
  /** Whether calls that services send over NATS are served. */
  readonly natsServiceCalls: "accept" | "refuse";
  /** The key of messages between processes; undefined: derived from the master key. */
  readonly transportKey: string | undefined;
  readonly transportKeysOld: readonly string[];
  readonly redis: RedisAddress | undefined;
  readonly limitsWithoutRedis: "memory" | "refuse";
  readonly databaseAwaySeconds: number;
  readonly eventsUrl: string | undefined;
  readonly kafkaAliases: boolean;
  /** A file of certificates. */
  readonly kafkaCaFile: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  readonly masterKey: string | undefined;
  /** Further master keys that decrypt and do not encrypt. */
  readonly masterKeysOld: readonly string[];
  readonly trustProxy: TrustedProxies;
  readonly logLevel: string;
  readonly environment: string;
  /** Where traces are sent (OTLP/HTTP); none are made where it is not set. */
  readonly tracesEndpoint: string | undefined;
  /** Share of the traces that begin here to record, 0 to 1. */
  readonly tracesRatio: number;
  readonly administrator: { readonly email: string; readonly password: string } | undefined;
  readonly settings: Settings;
  /** Settings that have no effect, one sentence each. */
  readonly ignored: readonly string[];
  /** Settings that are unsafe for remote callers, and that do not refuse a start on loopback; one sentence each. */
  readonly warnings: readonly string[];
}

/** The problems of a configuration, one line a variable. The process exits 78 with it (EX_CONFIG, sysexits.h). */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigurationError";
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and validates the configuration. Throws {@link ConfigurationError} with every problem at once. */
export function readConfiguration(environment: Environment): Configuration {
  const given = { ...fileOf(environment), ...withoutEmpty(environment) };
  const problems: string[] = [];
  const { refused, ignored } = ineffectiveSettings(variables, given);
  const values = new Map<string, unknown>();
  for (const variable of variables) values.set(variable.name, parsedValue(variable, given, problems));
  // One without the other would silently create no administrator.
  if ((values.get("GATEHOUSE_ADMIN_EMAIL") === undefined) !== (values.get("GATEHOUSE_ADMIN_PASSWORD") === undefined))
    problems.push("GATEHOUSE_ADMIN_EMAIL and GATEHOUSE_ADMIN_PASSWORD are set together, or neither.");
  problems.push(...refused);
  if (problems.length > 0) throw new ConfigurationError(problems);
  const assembled = assemble((name) => values.get(name) as never);
  problems.push(...refusals(assembled));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { ...assembled, ignored: [...ignored, ...withoutEffect(values)], warnings: exposures(assembled) };
}

/** The settings in the file that GATEHOUSE_CONFIG names: lines of NAME=value. The environment takes precedence. */
function fileOf(environment: Environment): Environment {
  const file = environment["GATEHOUSE_CONFIG"];
  if (!file) return {};
  try {
    return parseEnv(readFileSync(file, "utf8")) as Environment;
  } catch (error) {
    throw new ConfigurationError([`GATEHOUSE_CONFIG is ${file}, which cannot be read: ${(error as Error).message}`]);
  }
}

const withoutEmpty = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""));

function parsedValue(variable: Variable, given: Environment, problems: string[]): unknown {
  const text = given[variable.name];
  if (text === undefined) return variable.fallback;
  const value = variable.parse(text);
  if (value === undefined) {
    // An invalid secret is not shown either.
    problems.push(`${variable.name} is ${variable.secret ? "set, but invalid" : JSON.stringify(text)}; it takes ${variable.takes}.`);
  }
  return value;
}

/** Settings that another setting makes ineffective. */
function withoutEffect(values: ReadonlyMap<string, unknown>): string[] {
  const [idle, absolute] = [values.get("SESSION_IDLE_SECONDS") as number, values.get("SESSION_ABSOLUTE_SECONDS") as number];
  return idle > absolute ? [`SESSION_IDLE_SECONDS is ${idle}, above SESSION_ABSOLUTE_SECONDS (${absolute}): no session gets so old.`] : [];
}

type Assembled = Omit<Configuration, "ignored" | "warnings">;

function assemble(get: (name: string) => never): Assembled {
  const host: string = get("HOST");
  const port: number = get("PORT");
  const email: string | undefined = get("GATEHOUSE_ADMIN_EMAIL");
  const password: string | undefined = get("GATEHOUSE_ADMIN_PASSWORD");
  const publicUrl: string | undefined = get("PUBLIC_URL");
  const attributesKb: number = get("GATEHOUSE_QUOTA_ATTRIBUTES_KB");
  const cacheMb: number = get("GATEHOUSE_CACHE_MB");
  const billingUrl: string | undefined = get("BILLING_URL");
  const reserveMb: number | undefined = get("GATEHOUSE_DISK_RESERVE_MB");
  return {
    roles: get("GATEHOUSE_ROLE"),
    workers: get("GATEHOUSE_WORKERS"),
    host,
    port,
    operationsPort: get("OPERATIONS_PORT"),
    dataDir: get("GATEHOUSE_DATA_DIR"),
    diskReserveBytes: reserveMb === undefined ? undefined : reserveMb * mebibyte,
    databaseUrl: get("DATABASE_URL"),
    databaseReadUrl: get("DATABASE_READ_URL"),
    databaseDirectUrl: get("DATABASE_DIRECT_URL"),
    databaseSchema: get("DATABASE_SCHEMA"),
    databasePool: get("DATABASE_POOL"),
    natsUrl: get("NATS_URL"),
    natsPrefix: get("NATS_PREFIX"),
    natsServiceCalls: get("NATS_SERVICE_CALLS"),
    transportKey: get("GATEHOUSE_TRANSPORT_KEY"),
    transportKeysOld: get("GATEHOUSE_TRANSPORT_KEYS_OLD"),
    redis: get("REDIS_URL"),
    limitsWithoutRedis: get("GATEHOUSE_LIMITS_WITHOUT_REDIS"),
    databaseAwaySeconds: get("GATEHOUSE_DATABASE_AWAY_SECONDS"),
    eventsUrl: get("EVENTS_URL"),
    kafkaAliases: get("EVENTS_KAFKA_ALIASES"),
    kafkaCaFile: get("EVENTS_KAFKA_CA_FILE"),
    smtpUrl: get("SMTP_URL"),
    mailFrom: get("MAIL_FROM"),
    masterKey: get("GATEHOUSE_MASTER_KEY"),
    masterKeysOld: get("GATEHOUSE_MASTER_KEYS_OLD"),
    trustProxy: get("TRUST_PROXY"),
    logLevel: get("LOG_LEVEL"),
    environment: get("GATEHOUSE_ENVIRONMENT"),
    tracesEndpoint: get("OTEL_EXPORTER_OTLP_ENDPOINT"),
    tracesRatio: get("OTEL_TRACES_SAMPLER_ARG"),
    administrator: email !== undefined && password !== undefined ? { email, password } : undefined,
    settings: {
      version,
      publicUrl: publicUrl ?? `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
      passwordHash: get("PASSWORD_HASH"),
      knownAddress: get("KNOWN_ADDRESS"),
      passwordWords: get("PASSWORD_WORDS"),
      sessionsPerUser: get("SESSIONS_PER_USER"),
      invitationsPerHour: get("INVITATIONS_PER_HOUR"),
      apiKeysCallsPerMinute: get("GATEHOUSE_API_KEYS_LIMIT"),
      apiKeyCallsPerMinute: get("GATEHOUSE_API_KEY_LIMIT"),
      apiKeyUsageDays: get("GATEHOUSE_API_KEY_USAGE_DAYS"),
      sessionIdleSeconds: get("SESSION_IDLE_SECONDS"),
      sessionAbsoluteSeconds: get("SESSION_ABSOLUTE_SECONDS"),
      accessTokenSeconds: get("ACCESS_TOKEN_SECONDS"),
      refreshTokenSeconds: get("REFRESH_TOKEN_SECONDS"),
      tokenAlgorithm: get("GATEHOUSE_TOKEN_ALGORITHM"),
      registrationScopes: get("GATEHOUSE_CLIENT_REGISTRATION"),
      tokenKeyDays: get("GATEHOUSE_TOKEN_KEY_DAYS"),
      verifyEmailSeconds: get("VERIFY_EMAIL_SECONDS"),
      resetPasswordSeconds: get("RESET_PASSWORD_SECONDS"),
      invitationSeconds: get("INVITATION_SECONDS"),
      quotas: {
        organizations: get("GATEHOUSE_QUOTA_ORGANIZATIONS"),
        roles: get("GATEHOUSE_QUOTA_ROLES"),
        grants: get("GATEHOUSE_QUOTA_GRANTS"),
        apiKeys: get("GATEHOUSE_QUOTA_API_KEYS"),
        invitations: get("GATEHOUSE_QUOTA_INVITATIONS"),
        serviceAccounts: get("GATEHOUSE_QUOTA_SERVICE_ACCOUNTS"),
        clients: get("GATEHOUSE_QUOTA_CLIENTS"),
        attributeBytes: attributesKb * 1_024,
      },
      cacheBytes: cacheMb * mebibyte,
      decisionStepsPerSecond: get("GATEHOUSE_DECISION_STEPS"),
      decisionDays: get("GATEHOUSE_DECISION_DAYS"),
      auditDays: get("GATEHOUSE_AUDIT_DAYS"),
      eventDays: get("GATEHOUSE_EVENT_DAYS"),
      auditForward: get("GATEHOUSE_AUDIT_FORWARD"),
      signInLimit: get("GATEHOUSE_SIGN_IN_LIMIT"),
      billing:
        billingUrl === undefined
          ? undefined
          : {
              url: billingUrl,
              token: get("BILLING_TOKEN"),
              deletionDelayHours: get("BILLING_DELETION_DELAY_HOURS"),
              deletionPercentMax: get("BILLING_DELETION_PERCENT_MAX"),
            },
    },
  };
}

export const isLoopback = (host: string): boolean => host === "localhost" || isLoopbackAddress(parseAddress(host));

/**
 * Whether the configuration alone admits callers on other machines: by HOST, or by a PUBLIC_URL behind a proxy. With TRUST_PROXY and
 * without such a PUBLIC_URL, the addresses of each request decide (local-callers.ts).
 */
export const acceptsRemoteCallers = ({ host, settings: { publicUrl } }: Pick<Configuration, "host" | "settings">): boolean => {
  const { protocol, hostname } = new URL(publicUrl);
  return !isLoopback(host) || protocol === "https:" || !isLocalName(hostname);
};

/** Host names of this machine in a URL; every name below `localhost` resolves to loopback (RFC 6761 §6.3). */
export const isLocalName = (hostname: string): boolean => isLoopback(hostname) || hostname.endsWith(".localhost");

/** Reasons to refuse an unsafe start (docs/contract.md, "Starting it"). */
function refusals(configuration: Assembled): string[] {
  if (isLoopback(configuration.host)) return incomplete(configuration);
  const exposed = missingForOthers(configuration).map((problem) => `HOST is ${configuration.host}, which others can reach. ${problem}`);
  return [...incomplete(configuration), ...exposed];
}

/**
 * The same problems for a start on loopback behind a proxy. They do not refuse it: remote callers see nothing of it, and the process cannot
 * detect whether there is a proxy (decision 0039).
 */
function exposures(configuration: Assembled): string[] {
  const { host, settings, trustProxy } = configuration;
  if (!isLoopback(host)) return [];
  const isPublic = acceptsRemoteCallers(configuration);
  if (!isPublic && trustProxy.kind === "none") return [];
  const because = isPublic ? `PUBLIC_URL is ${settings.publicUrl}` : "TRUST_PROXY is set";
  return missingForOthers(configuration).map((problem) => `${because}, so callers on other machines connect through a proxy. ${problem}`);
}

/** Settings that are missing for one of several processes. */
function incomplete({ roles, workers, databaseUrl, masterKey, natsUrl }: Assembled): string[] {
  const needed: string[] = [];
  const shared = !isAll(roles) && needsDatabase(roles);
  if (shared && databaseUrl === undefined) needed.push("DATABASE_URL is not set: embedded storage has one process, with every role.");
  if (shared && masterKey === undefined) {
    needed.push("GATEHOUSE_MASTER_KEY is not set: all processes share it: base64 of 32 random bytes (openssl rand -base64 32).");
  }
  const callsOverNats = callsOtherProcesses(roles) || (!isAll(roles) && servesOtherProcesses(roles) && !roles.has("gateway"));
  if (callsOverNats && natsUrl === undefined) needed.push("NATS_URL is not set: the roles of other processes are reached over it.");
  const named = needed.map((problem) => `GATEHOUSE_ROLE is ${[...roles].join(",")}. ${problem}`);
  if (workers > 1 && databaseUrl === undefined)
    named.push("GATEHOUSE_WORKERS is above 1. DATABASE_URL is not set: embedded storage has one process.");
  if (workers > 1 && masterKey === undefined)
    named.push("GATEHOUSE_WORKERS is above 1. GATEHOUSE_MASTER_KEY is not set: all processes share it.");
  return named;
}

function missingForOthers(configuration: Assembled): string[] {
  const { roles } = configuration;
  const needed: string[] = [];
  if (isAll(roles) && configuration.databaseUrl === undefined)
    needed.push("DATABASE_URL is not set: embedded storage is for this machine only.");
  if (isAll(roles) && configuration.masterKey === undefined)
    needed.push("GATEHOUSE_MASTER_KEY is not set: base64 of 32 random bytes (openssl rand -base64 32).");
  if (needsDatabase(roles) && configuration.smtpUrl === undefined)
    needed.push("SMTP_URL is not set: the development inbox would show the mails of all users.");
  // Without the gateway only health and metrics are served, so no password is received.
  if (roles.has("gateway") && (configuration.trustProxy.kind === "none" || !configuration.settings.publicUrl.startsWith("https:"))) {
    needed.push("PUBLIC_URL must be https://… and TRUST_PROXY must name the proxy: passwords must not cross a network in the clear.");
  }
  if (configuration.settings.signInLimit === "off") needed.push("GATEHOUSE_SIGN_IN_LIMIT=off is for measuring on loopback.");
  return needed;
}
