import { noProxies, parseTrustedProxies, trustedProxiesForm } from "#platform/network/trusted-proxies.ts";
import { day, hour, integer, masterKey, masterKeys, minute, oneOf, origin } from "./forms.ts";
import type { Variable } from "./variable.ts";

/** Scopes of OpenID Connect, or permissions. */
function scopeList(text: string): readonly string[] | undefined {
  const scopes = text.split(",").map((scope) => scope.trim());
  return scopes.every((scope) => /^[A-Za-z][\w.]{0,254}$/.test(scope)) ? scopes : undefined;
}

/** Access: addresses, keys, passwords, sessions, links, quotas. */
export const accessVariables: readonly Variable[] = [
  { name: "PUBLIC_URL", fallback: undefined, fallbackText: "http://HOST:PORT", meaning: "the origin of links in messages", ...origin },
  {
    name: "TRUST_PROXY",
    fallback: noProxies,
    fallbackText: "false",
    meaning: "the proxies whose X-Forwarded-For is trusted for the client's address, by their number or their addresses",
    takes: trustedProxiesForm,
    parse: parseTrustedProxies,
  },
  {
    name: "GATEHOUSE_ADMIN_EMAIL",
    fallback: undefined,
    fallbackText: "none: a one-time set-up link is printed",
    meaning: "with the password: the first internal administrator, created at start",
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
    meaning: "previous master keys, which still decrypt during a rotation (docs/operations/keys.md)",
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
    meaning: "the answer to a registration of a known address: as for a new one, or an explicit error",
    ...oneOf("conceal", "explicit"),
  },
  {
    name: "PASSWORD_WORDS",
    fallback: [],
    fallbackText: "none except the product's name and the host names of PUBLIC_URL",
    meaning:
      "words of this installation that attackers try first (company, products, projects); a password needs 8 characters in addition to them",
    takes: "words with commas between them, at most 200",
    parse: (value) => {
      const words = value.split(",").map((word) => word.trim());
      return words.length <= 200 && words.every((word) => word.length > 0 && word.length <= 100) ? words : undefined;
    },
  },
  {
    name: "SESSIONS_PER_USER",
    fallback: 100,
    meaning: "how many concurrent sessions a user may have; one more ends the oldest",
    ...integer(1, 10_000),
  },
  {
    name: "INVITATIONS_PER_HOUR",
    fallback: 120,
    meaning: "how many invitations an account may send in an hour; all accounts of an organization may send four times as many in a day",
    ...integer(1, 100_000),
  },
  {
    name: "GATEHOUSE_API_KEYS_LIMIT",
    fallback: 0,
    meaning: "calls per minute of all API keys together; 0 for no limit",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_API_KEY_LIMIT",
    fallback: 6_000,
    meaning: "calls per minute of each API key, in addition to its own limits; 0 for no limit",
    ...integer(0, 1_000_000_000),
  },
  { name: "SESSION_IDLE_SECONDS", fallback: day, meaning: "a session expires after this time without use", ...integer(minute, 30 * day) },
  {
    name: "SESSION_ABSOLUTE_SECONDS",
    fallback: 14 * day,
    meaning: "a session expires after this time, whether or not it is used",
    ...integer(minute, 365 * day),
  },
  {
    name: "ACCESS_TOKEN_SECONDS",
    fallback: 15 * minute,
    meaning: "an access token expires after this time",
    ...integer(minute, 15 * minute),
  },
  {
    name: "REFRESH_TOKEN_SECONDS",
    fallback: 14 * day,
    meaning: "a refresh token expires after this time, and with its session (SESSION_ABSOLUTE_SECONDS)",
    ...integer(minute, 365 * day),
  },
  {
    name: "GATEHOUSE_TOKEN_ALGORITHM",
    fallback: "RS256",
    meaning: "the signature algorithm of access tokens; a change takes effect when the next key has been published for ten minutes",
    ...oneOf("RS256", "ES256", "EdDSA"),
  },
  {
    name: "GATEHOUSE_CLIENT_REGISTRATION",
    fallback: [],
    fallbackText: "off",
    meaning:
      "the scopes of clients that applications register by themselves (RFC 7591) or describe at their client_id, as openid,profile,offline_access; off refuses both",
    takes: "off, or scopes separated by commas",
    parse: (value) => (value === "off" ? [] : scopeList(value)),
  },
  {
    name: "GATEHOUSE_TOKEN_KEY_DAYS",
    fallback: 90,
    meaning: "the age in days at which the signing key of access tokens is replaced",
    ...integer(1, 365),
  },
  { name: "VERIFY_EMAIL_SECONDS", fallback: day, meaning: "how long a link to confirm an address works", ...integer(minute, 30 * day) },
  { name: "RESET_PASSWORD_SECONDS", fallback: hour, meaning: "how long a link to reset a password works", ...integer(minute, day) },
  { name: "INVITATION_SECONDS", fallback: 7 * day, meaning: "how long an invitation works", ...integer(minute, 90 * day) },
  {
    name: "GATEHOUSE_QUOTA_ORGANIZATIONS",
    fallback: 50,
    meaning: "how many organizations created by one account may exist; principals with Tenant.Update are not limited",
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
    name: "GATEHOUSE_QUOTA_API_KEYS",
    fallback: 1_000,
    meaning: "active API keys that one owner may have in an organization or in the internal scope",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_INVITATIONS",
    fallback: 1_000,
    meaning: "open invitations that an organization may have",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_SERVICE_ACCOUNTS",
    fallback: 1_000,
    meaning: "service accounts that an organization may have",
    ...integer(0, 1_000_000_000),
  },
  {
    name: "GATEHOUSE_QUOTA_CLIENTS",
    fallback: 100,
    meaning: "OAuth clients that an organization may have",
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
    meaning: "size limit of the decision caches of one process, in MiB; evicted entries are read again when needed",
    ...integer(64, 1_000_000),
  },
  {
    name: "GATEHOUSE_DECISION_STEPS",
    fallback: 4_000_000,
    meaning:
      "cost limit of one principal's decisions per second in one process, in steps of some 50 ns; unspent steps accumulate for 10 seconds, and above the limit the answer is 429",
    ...integer(100_000, 1_000_000_000),
  },
];
