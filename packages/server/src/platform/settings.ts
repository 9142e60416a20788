/** Configuration that modules read (names and defaults: docs/contract.md, "Starting it"; units in the names). */
export interface Settings {
  readonly quotas: Quotas;
  /** Size limit of the decision caches in this process. */
  readonly cacheBytes: number;
  readonly version: string;
  /** Origin of links in mails; never taken from a request. */
  readonly publicUrl: string;
  readonly passwordHash: "argon2id" | "bcrypt";
  /** Decision 0010: `conceal` answers a known address like a new one; `explicit` reports that it is taken. */
  readonly knownAddress: "conceal" | "explicit";
  readonly sessionIdleSeconds: number;
  readonly sessionAbsoluteSeconds: number;
  /** The lifetime of access tokens; at most 15 minutes. */
  readonly accessTokenSeconds: number;
  /** A refresh token expires after this time without use, and with its session. */
  readonly refreshTokenSeconds: number;
  /** The algorithm of new signing keys (decision 0005). */
  readonly tokenAlgorithm: "RS256" | "ES256" | "EdDSA";
  /** The scopes of clients that applications register by themselves; none where they may not. */
  readonly registrationScopes: readonly string[];
  /** The age at which the signing key is replaced. */
  readonly tokenKeyDays: number;
  readonly verifyEmailSeconds: number;
  readonly resetPasswordSeconds: number;
  readonly invitationSeconds: number;
  /** Decision steps that one principal may use per second in one process (decision 0038). */
  readonly decisionStepsPerSecond: number;
  /** How long decisions are stored for previews; 0 stores none. */
  readonly decisionDays: number;
  /** The billing API (decision 0024) and its token. */
  readonly billing: BillingSettings | undefined;
  /** Retention of audit records; 0 retains all. */
  readonly auditDays: number;
  /** Retention of events in the log once every reader has passed them; 0 retains all. */
  readonly eventDays: number;
  /** Whether each audit record is forwarded as an event. */
  readonly auditForward: "on" | "off";
  /** Words that this installation rejects as passwords. */
  readonly passwordWords: readonly string[];
  /** Calls of all API keys together in a minute; 0 for no limit. */
  readonly apiKeysCallsPerMinute: number;
  /** Calls of each API key in a minute, in addition to its own limits; 0 for no limit. */
  readonly apiKeyCallsPerMinute: number;
  /** How long the usage of API keys, and revoked or expired keys, are kept; 0 keeps all. */
  readonly apiKeyUsageDays: number;
  /** Concurrent sessions of one user; one more ends the oldest. */
  readonly sessionsPerUser: number;
  /** Invitations that one account may send per hour in all organizations; an organization may send four times as many per day. */
  readonly invitationsPerHour: number;
  /** `off` disables limits by address, on sign-in attempts and on mails; for benchmarks, on loopback only. */
  readonly signInLimit: "on" | "off";
}

/** How much an account or an organization may have at a time. */
export interface Quotas {
  /** Organizations that one account has created; an account with `Tenant.Update` may create any number. */
  readonly organizations: number;
  /** Custom roles in one organization. */
  readonly roles: number;
  readonly grants: number;
  /** Active API keys of one owner in one scope. */
  readonly apiKeys: number;
  /** Pending invitations. */
  readonly invitations: number;
  /** Service accounts of one organization. */
  readonly serviceAccounts: number;
  /** OAuth clients of one organization. */
  readonly clients: number;
  /** For an organization and all of its members together. */
  readonly attributeBytes: number;
}

export interface BillingSettings {
  readonly url: string;
  readonly token: string | undefined;
  /** Delay between a deletion request from billing and the deletion of the organization (decision 0030). */
  readonly deletionDelayHours: number;
  /** Share of all organizations that billing may delete per day; a few are always allowed. */
  readonly deletionPercentMax: number;
}
