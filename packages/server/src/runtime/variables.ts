import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { jobsSchema } from "../platform/jobs/schema.ts";
import { kafkaAddressForm, parseKafkaAddress } from "../platform/kafka/address.ts";
import { masterKeyBytes } from "../platform/keys/aes.ts";
import { noProxies, parseTrustedProxies, trustedProxiesForm } from "../platform/network/trusted-proxies.ts";
import { parseRedisAddress } from "../platform/redis/address.ts";
import { rolesOf } from "./roles.ts";

/** What a variable has no effect without. */
export interface Need {
  readonly variable: string;
  /** What the other variable's value begins with; any value where it is absent. */
  readonly beginning?: string;
  /** A start without it is refused, where the operator would rely on what does not happen; otherwise it is warned about. */
  readonly refused?: true;
}

/** A variable of the configuration: what it is called, takes and means. `gatehouse config` prints this table. */
export interface Variable {
  readonly name: string;
  /** The value where it is not set. */
  readonly fallback: unknown;
  /** The default in words, where the fallback does not say it. */
  readonly fallbackText?: string;
  readonly takes: string;
  readonly meaning: string;
  /** What it is about; a value that is set without that would be ignored. */
  readonly needs?: Need;
  /** Its value is shown nowhere. */
  readonly secret?: boolean;
  /** The value of a text; undefined when it is none. */
  parse(text: string): unknown;
}

const text = (takes: string) => ({ takes, parse: (value: string) => value });
const oneOf = (...values: readonly string[]) => ({
  takes: values.map((value) => `"${value}"`).join(" or "),
  parse: (value: string) => (values.includes(value) ? value : undefined),
});
const integer = (minimum: number, maximum: number) => ({
  takes: `a whole number from ${minimum} to ${maximum}`,
  parse: (value: string) => (/^\d+$/.test(value) && Number(value) >= minimum && Number(value) <= maximum ? Number(value) : undefined),
});
const url = (...schemes: readonly string[]) => ({
  takes: `an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  parse: (value: string) => (URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)) ? value : undefined),
});
/** Settings in an address would be ignored, because each transaction has its own; one that names a schema would look empty. */
const databaseAddress = {
  takes: "an address that begins with postgres:// or postgresql://, without search_path in it (DATABASE_SCHEMA names a schema)",
  parse: (value: string) => {
    const parsed = url("postgres", "postgresql").parse(value);
    return parsed !== undefined && /search_path/.test(decodeURIComponent(new URL(parsed).search)) ? undefined : parsed;
  },
};
const origin = {
  takes: "an http(s) address without a path, as https://id.example.com",
  parse: (value: string) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const plain = parsed && /^https?:$/.test(parsed.protocol) && parsed.pathname === "/" && parsed.search === "" && parsed.username === "";
    return plain ? parsed.origin : undefined;
  },
};
const brokerAddress = {
  takes: `an address that begins with amqp://, amqps://, nats:// or tls:// (NATS), or ${kafkaAddressForm}`,
  parse: (value: string) => {
    if (/^kafkas?:/.test(value)) return parseKafkaAddress(value) && value;
    return /^(amqps?|nats|tls):\/\/[^/\s]+/.test(value) && URL.canParse(value) ? value : undefined;
  },
};
const certificateFile = {
  takes: "the path of a file with certificates (PEM) that can be read",
  parse: (value: string) => {
    try {
      return new X509Certificate(readFileSync(value)) && value;
    } catch {
      return undefined;
    }
  },
};
const boolean = { takes: '"true" or "false"', parse: (value: string) => (value === "true" ? true : value === "false" ? false : undefined) };
const absentIn = (release: string) => ({
  takes: `nothing yet: this release runs ${release}`,
  parse: () => undefined,
});

const isKey = (text: string): boolean => Buffer.from(text, "base64").length === masterKeyBytes;
const masterKey = {
  takes: `base64 of ${masterKeyBytes} bytes`,
  parse: (value: string) => (isKey(value) ? value : undefined),
};
const masterKeys = {
  takes: `base64 of ${masterKeyBytes} bytes each, with commas between`,
  parse: (value: string) => {
    const keys = value.split(",").map((key) => key.trim());
    return keys.every(isKey) ? keys : undefined;
  },
};

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export const variables: readonly Variable[] = [
  { name: "PORT", fallback: 8080, meaning: "the HTTP door", ...integer(0, 65_535) },
  {
    name: "HOST",
    fallback: "127.0.0.1",
    meaning: "the address that the HTTP door listens on",
    takes: "an IP address or localhost",
    parse: (value) => (isIP(value) > 0 || value === "localhost" ? value : undefined),
  },
  {
    name: "GATEHOUSE_ROLE",
    fallback: rolesOf("all"),
    fallbackText: "all",
    meaning: "what this process does: every role, or some of them beside other processes",
    takes: '"all", or a list of query, command, worker and gateway with commas between them',
    parse: rolesOf,
  },
  {
    name: "GATEHOUSE_WORKERS",
    fallback: 1,
    meaning: "how many processes `start` runs side by side behind one port, as one a core; needs DATABASE_URL",
    ...integer(1, 256),
  },
  { name: "GATEHOUSE_DATA_DIR", fallback: "./data", meaning: "embedded storage; `memory` keeps nothing", ...text("a path, or memory") },
  {
    name: "GATEHOUSE_DISK_RESERVE_MB",
    fallback: undefined,
    fallbackText: "64, or a quarter of a disk smaller than 256 MiB",
    meaning: "how many MiB stay free on the disk of embedded storage; with less, writes are refused and reads go on",
    ...integer(20, 1_000_000),
  },
  {
    name: "DATABASE_URL",
    fallback: undefined,
    fallbackText: "none: PGlite in the data directory",
    meaning: "PostgreSQL 15 or later, also through PgBouncer in transaction mode",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_READ_URL",
    needs: { variable: "DATABASE_URL", refused: true },
    fallback: undefined,
    fallbackText: "DATABASE_URL",
    meaning: "a read replica for queries",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_DIRECT_URL",
    fallback: undefined,
    fallbackText: "DATABASE_URL",
    meaning: "the same database without a pooler: for the schema, and for the session in which the job queue is notified",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_SCHEMA",
    fallback: "public",
    meaning: "the schema of the product's tables; the job queue's are in the schema jobs",
    takes: "a name of 1 to 63 lower-case letters, digits and _, which does not begin with a digit or pg_",
    parse: (value) => (/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(value) && value !== jobsSchema ? value : undefined),
  },
  {
    name: "DATABASE_POOL",
    needs: { variable: "DATABASE_URL" },
    fallback: 10,
    meaning:
      "connections of this process to PostgreSQL, for each of the two addresses (S3 §27.1: query 20 to 50, command 10 to 20, worker 5 to 10)",
    ...integer(2, 500),
  },
  {
    name: "REDIS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "the shared copy of the read model, shared rate limits, and what processes tell each other of the database",
    secret: true,
    takes:
      "redis://[user:password@]host[:port][/db], redis+sentinel://[user:password@]host:port,host:port/master[?db=0] or " +
      "redis+cluster://[user:password@]host:port,host:port; rediss for TLS",
    parse: parseRedisAddress,
  },
  {
    name: "GATEHOUSE_LIMITS_WITHOUT_REDIS",
    needs: { variable: "REDIS_URL" },
    fallback: "memory",
    meaning: "while Redis is away, limits are counted by each process for itself, or what is limited is refused with 503",
    ...oneOf("memory", "refuse"),
  },
  {
    name: "GATEHOUSE_DATABASE_AWAY_SECONDS",
    needs: { variable: "REDIS_URL" },
    fallback: minute,
    meaning:
      "how long checks are answered from memory and Redis while the database is known to be away for everybody; needs REDIS_URL; 0 refuses at once",
    ...integer(0, hour),
  },
  {
    name: "NATS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "requests and replies between processes",
    secret: true,
    ...url("nats", "tls"),
  },
  {
    name: "NATS_PREFIX",
    needs: { variable: "NATS_URL" },
    fallback: "gatehouse",
    meaning: "the first word of every subject: installations that share a NATS differ in it",
    takes: "one word of letters, digits, _ and -",
    parse: (value) => (/^[\w-]{1,64}$/.test(value) ? value : undefined),
  },
  {
    name: "NATS_SERVICE_CALLS",
    needs: { variable: "NATS_URL" },
    fallback: "refuse",
    meaning: "whether services that speak NATS themselves are answered (docs/operations/nats.md); their calls are not encrypted",
    ...oneOf("accept", "refuse"),
  },
  {
    name: "GATEHOUSE_TRANSPORT_KEY",
    needs: { variable: "NATS_URL" },
    fallback: undefined,
    fallbackText: "derived from the master key",
    meaning: "encrypts messages between processes; for a gateway, which has no master key (`gatehouse keys transport` prints it)",
    secret: true,
    ...masterKey,
  },
  {
    name: "GATEHOUSE_TRANSPORT_KEYS_OLD",
    needs: { variable: "GATEHOUSE_TRANSPORT_KEY" },
    fallback: [],
    fallbackText: "none",
    meaning: "further transport keys that are understood, while the master key is being changed (docs/operations/keys.md)",
    secret: true,
    ...masterKeys,
  },
  {
    name: "EVENTS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "the events' broker: RabbitMQ, Kafka (several hosts with commas between them) or NATS JetStream",
    secret: true,
    ...brokerAddress,
  },
  {
    name: "EVENTS_KAFKA_CA_FILE",
    needs: { variable: "EVENTS_URL", beginning: "kafkas:", refused: true },
    fallback: undefined,
    fallbackText: "none: the authorities that Node trusts",
    meaning: "on Kafka with TLS: who may vouch for the cluster, and nobody else",
    ...certificateFile,
  },
  {
    name: "EVENTS_KAFKA_ALIASES",
    needs: { variable: "EVENTS_URL", beginning: "kafka", refused: true },
    fallback: false,
    meaning: "on Kafka: also publish what S0 names under its topics, as beauth.user.created",
    ...boolean,
  },
  {
    name: "BILLING_URL",
    fallback: undefined,
    fallbackText: "none: plans change by events and by hand alone",
    meaning: "billing's API, asked for entitlements (decision 0024)",
    ...url("http", "https"),
  },
  {
    name: "BILLING_TOKEN",
    needs: { variable: "BILLING_URL", refused: true },
    fallback: undefined,
    fallbackText: "none",
    meaning: "the bearer token for billing's API",
    secret: true,
    ...text("a token"),
  },
  {
    name: "BILLING_DELETION_DELAY_HOURS",
    // A weekend, and the day on which its alert is read.
    fallback: 72,
    meaning: "how long an organization stays after billing has asked for its deletion; then billing is asked once more (decision 0030)",
    ...integer(0, 8_760),
  },
  {
    name: "BILLING_DELETION_PERCENT_MAX",
    fallback: 1,
    meaning: "of all organizations, how many in a hundred billing may have deleted within a day (three always); above, none is deleted",
    ...integer(0, 100),
  },
  {
    name: "SMTP_URL",
    fallback: undefined,
    fallbackText: "none: development inbox at /dev/inbox",
    meaning: "where mail is handed over",
    secret: true,
    ...url("smtp", "smtps"),
  },
  {
    name: "MAIL_FROM",
    needs: { variable: "SMTP_URL" },
    fallback: "Gatehouse <no-reply@localhost>",
    meaning: "the sender of mails",
    ...text("an address, as Name <a@example.com>"),
  },
  {
    name: "SMS_URL",
    fallback: undefined,
    fallbackText: "none",
    meaning: "the HTTP provider of text messages",
    secret: true,
    ...absentIn("without text messages"),
  },
  { name: "PUBLIC_URL", fallback: undefined, fallbackText: "http://HOST:PORT", meaning: "the origin of links in messages", ...origin },
  {
    name: "TRUST_PROXY",
    fallback: noProxies,
    fallbackText: "false",
    meaning: "whose X-Forwarded-For tells the client's address: proxies that set it, by their number or their addresses",
    takes: trustedProxiesForm,
    parse: parseTrustedProxies,
  },
  {
    name: "GATEHOUSE_ADMIN_EMAIL",
    fallback: undefined,
    fallbackText: "none: a one-time set-up link is printed",
    meaning: "with the password: the first internal administrator, made at start",
    takes: "an e-mail address",
    parse: (value) => (/^\S+@\S+$/.test(value) ? value : undefined),
  },
  {
    name: "GATEHOUSE_ADMIN_PASSWORD",
    fallback: undefined,
    fallbackText: "none",
    meaning: "the first administrator's password",
    secret: true,
    takes: "8 to 128 characters",
    parse: (value) => (value.length >= 8 && value.length <= 128 ? value : undefined),
  },
  {
    name: "GATEHOUSE_MASTER_KEY",
    fallback: undefined,
    fallbackText: "generated into the data directory, 0600",
    meaning: "encrypts secrets at rest",
    secret: true,
    ...masterKey,
  },
  {
    name: "GATEHOUSE_MASTER_KEYS_OLD",
    fallback: [],
    fallbackText: "none",
    meaning: "further master keys that open what they have sealed, while the key is being changed (docs/operations/keys.md)",
    secret: true,
    ...masterKeys,
  },
  {
    name: "PASSWORD_HASH",
    fallback: "argon2id",
    meaning: "how new passwords are hashed; both kinds are always verified",
    ...oneOf("argon2id", "bcrypt"),
  },
  {
    name: "KNOWN_ADDRESS",
    fallback: "conceal",
    meaning: "what registering a known address answers: as for a new one, or an explicit error",
    ...oneOf("conceal", "explicit"),
  },
  {
    name: "PASSWORD_WORDS",
    fallback: [],
    fallbackText: "none beside the product's name and the host names of PUBLIC_URL",
    meaning: "words of this installation that attackers try first (company, products, projects); a password needs 8 characters beside them",
    takes: "words with commas between them, at most 200",
    parse: (value) => {
      const words = value.split(",").map((word) => word.trim());
      return words.length <= 200 && words.every((word) => word.length > 0 && word.length <= 100) ? words : undefined;
    },
  },
  {
    name: "SESSIONS_PER_USER",
    fallback: 100,
    meaning: "how many sessions a user has beside each other; one more ends the oldest",
    ...integer(1, 10_000),
  },
  {
    name: "INVITATIONS_PER_HOUR",
    fallback: 120,
    meaning: "how many invitations an account sends in an hour; all accounts of an organization send four times as many in a day",
    ...integer(1, 100_000),
  },
  { name: "SESSION_IDLE_SECONDS", fallback: day, meaning: "a session that is not used for so long is over", ...integer(minute, 30 * day) },
  {
    name: "SESSION_ABSOLUTE_SECONDS",
    fallback: 14 * day,
    meaning: "a session is over after so long, however it is used",
    ...integer(minute, 365 * day),
  },
  { name: "VERIFY_EMAIL_SECONDS", fallback: day, meaning: "how long a link to confirm an address works", ...integer(minute, 30 * day) },
  { name: "RESET_PASSWORD_SECONDS", fallback: hour, meaning: "how long a link to reset a password works", ...integer(minute, day) },
  { name: "INVITATION_SECONDS", fallback: 7 * day, meaning: "how long an invitation works", ...integer(minute, 90 * day) },
  {
    name: "GATEHOUSE_QUOTA_ORGANIZATIONS",
    fallback: 50,
    meaning: "organizations that one account may have made at a time; holders of Tenant.Update are not limited",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_ROLES",
    fallback: 1_000,
    meaning: "roles of its own that an organization may have",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_GRANTS",
    fallback: 1_000_000,
    meaning: "grants that an organization may have",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_INVITATIONS",
    fallback: 1_000,
    meaning: "open invitations that an organization may have",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_ATTRIBUTES_KB",
    fallback: 16_384,
    meaning: "attributes of an organization and its members together, in KiB of JSON",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_CACHE_MB",
    fallback: 256,
    meaning: "what the caches of decisions may hold in one process, in MiB; what does not fit is read again when it is asked for",
    ...integer(64, 1_000_000),
  },
  {
    name: "GATEHOUSE_DECISION_STEPS",
    fallback: 4_000_000,
    meaning:
      "what the decisions of one principal may cost a second in one process, in steps of some 50 ns; unspent steps of 10 seconds are kept, and beyond them it is answered 429",
    ...integer(100_000, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_DECISION_DAYS",
    fallback: 30,
    meaning: "how long decided questions are kept for previews of policy changes; 0 keeps none",
    ...integer(0, 400),
  },
  {
    name: "GATEHOUSE_AUDIT_DAYS",
    fallback: 730,
    meaning: "how long audit records are kept; 0 keeps all (two years: an auditor asks about the last full one)",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_EVENT_DAYS",
    fallback: 90,
    meaning: "how long events that every reader has passed are kept in the log (S0, event persistence); 0 keeps all",
    ...integer(0, 36_500),
  },
  {
    name: "GATEHOUSE_AUDIT_FORWARD",
    needs: { variable: "EVENTS_URL" },
    fallback: "off",
    meaning: "on hands each audit record on as the event audit-log.requested.v1, for an audit log management behind the broker",
    ...oneOf("on", "off"),
  },
  {
    name: "GATEHOUSE_SIGN_IN_LIMIT",
    fallback: "on",
    meaning: "off lifts the limits on calls, for measuring on loopback",
    ...oneOf("on", "off"),
  },
  {
    name: "OPERATIONS_PORT",
    fallback: undefined,
    fallbackText: "none: /metrics on the HTTP server, for callers on this machine",
    meaning: "a port of its own for health and metrics",
    ...integer(1, 65_535),
  },
  {
    name: "LOG_LEVEL",
    fallback: "info",
    meaning: "the least level that is logged",
    ...oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
  { name: "GATEHOUSE_ENVIRONMENT", fallback: "development", meaning: "the environment's name in logs", ...text("a name") },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    fallback: undefined,
    fallbackText: "none",
    meaning: "where traces are sent, by OTLP over HTTP; without it none are made",
    ...url("http", "https"),
  },
  {
    name: "OTEL_TRACES_SAMPLER_ARG",
    needs: { variable: "OTEL_EXPORTER_OTLP_ENDPOINT" },
    fallback: 1,
    meaning: "which part of the traces that begin here is recorded; of others the one before decides",
    takes: "a number from 0 to 1",
    parse: (value) => (/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value) ? Number(value) : undefined),
  },
];
