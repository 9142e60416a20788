import { isIP } from "node:net";
import { masterKeyBytes } from "../platform/keys/aes.ts";

/** A variable of the configuration: what it is called, takes and means. `gatehouse config` prints this table. */
export interface Variable {
  readonly name: string;
  /** The value where it is not set. */
  readonly fallback: unknown;
  /** The default in words, where the fallback does not say it. */
  readonly fallbackText?: string;
  readonly takes: string;
  readonly meaning: string;
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
const origin = {
  takes: "an http(s) address without a path, as https://id.example.com",
  parse: (value: string) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const plain = parsed && /^https?:$/.test(parsed.protocol) && parsed.pathname === "/" && parsed.search === "" && parsed.username === "";
    return plain ? parsed.origin : undefined;
  },
};
const boolean = { takes: '"true" or "false"', parse: (value: string) => (value === "true" ? true : value === "false" ? false : undefined) };
const absentIn = (release: string) => ({
  takes: `nothing yet: this release runs ${release}`,
  parse: () => undefined,
});

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
  { name: "GATEHOUSE_ROLE", fallback: "all", meaning: "what this process does; this release runs every role in one", ...oneOf("all") },
  { name: "GATEHOUSE_DATA_DIR", fallback: "./data", meaning: "embedded storage; `memory` keeps nothing", ...text("a path, or memory") },
  {
    name: "DATABASE_URL",
    fallback: undefined,
    fallbackText: "none: PGlite in the data directory",
    meaning: "PostgreSQL 15 or later",
    secret: true,
    ...url("postgres", "postgresql"),
  },
  {
    name: "DATABASE_READ_URL",
    fallback: undefined,
    fallbackText: "DATABASE_URL",
    meaning: "a read replica for queries",
    secret: true,
    ...url("postgres", "postgresql"),
  },
  {
    name: "REDIS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "cache and rate limits",
    secret: true,
    ...absentIn("its cache in process"),
  },
  {
    name: "NATS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "request and reply",
    secret: true,
    ...absentIn("requests in process"),
  },
  {
    name: "EVENTS_URL",
    fallback: undefined,
    fallbackText: "none: in process",
    meaning: "the events' broker",
    secret: true,
    ...absentIn("events in process"),
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
    fallback: false,
    meaning: "take the client's address from X-Forwarded-For; only behind a proxy that sets it",
    ...boolean,
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
    takes: `base64 of ${masterKeyBytes} bytes`,
    parse: (value) => (Buffer.from(value, "base64").length === masterKeyBytes ? value : undefined),
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
    name: "GATEHOUSE_DECISION_DAYS",
    fallback: 30,
    meaning: "how long decided questions are kept for previews of policy changes; 0 keeps none",
    ...integer(0, 400),
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
    fallbackText: "none: /metrics on the HTTP door, on loopback only",
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
    meaning: "where traces are sent",
    ...absentIn("without traces"),
  },
];
