/** What the configuration decides for modules (names and defaults: docs/contract.md, "Starting it"; units in the names). */
export interface Settings {
  readonly quotas: Quotas;
  /** What the caches of decisions may hold in this process. */
  readonly cacheBytes: number;
  readonly version: string;
  /** Origin of the links in mails; never taken from a request. */
  readonly publicUrl: string;
  readonly passwordHash: "argon2id" | "bcrypt";
  /** Decision 0010: `conceal` answers a known address as a new one; `explicit` says that it is taken. */
  readonly knownAddress: "conceal" | "explicit";
  readonly sessionIdleSeconds: number;
  readonly sessionAbsoluteSeconds: number;
  readonly verifyEmailSeconds: number;
  readonly resetPasswordSeconds: number;
  readonly invitationSeconds: number;
  /** What the decisions of one principal may cost a second in one process, in steps (decision 0038). */
  readonly decisionStepsPerSecond: number;
  /** How long decided questions are kept for previews; 0 keeps none. */
  readonly decisionDays: number;
  /** Billing's API (decision 0024), and the token that it asks for. */
  readonly billing: BillingSettings | undefined;
  /** How long audit records are kept; 0 keeps all. */
  readonly auditDays: number;
  /** How long events are kept in the log, where every reader has passed them; 0 keeps all. */
  readonly eventDays: number;
  /** Whether each audit record is handed on as an event. */
  readonly auditForward: "on" | "off";
  /** Words of this installation that are no passwords. */
  readonly passwordWords: readonly string[];
  /** What all API keys together may call in a minute; 0 is without this limit. */
  readonly apiKeysCallsPerMinute: number;
  /** What every API key may call in a minute, whatever its own limits are; 0 is without this limit. */
  readonly apiKeyCallsPerMinute: number;
  /** How long the usage of API keys, and keys that ended, are kept; 0 keeps all. */
  readonly apiKeyUsageDays: number;
  /** Sessions of one user beside each other; one more ends the oldest. */
  readonly sessionsPerUser: number;
  /** Invitations that one account may send in an hour, in all organizations; an organization four times as many in a day. */
  readonly invitationsPerHour: number;
  /** `off` on loopback only, for measuring: no limit by address, on attempts to sign in, and on mails. */
  readonly signInLimit: "on" | "off";
}

/** How much an account, or an organization, may have of something at a time. */
export interface Quotas {
  /** Organizations that one account has made; whoever holds `Tenant.Update` may make any number. */
  readonly organizations: number;
  /** Roles of its own, in one organization. */
  readonly roles: number;
  readonly grants: number;
  /** Active ones of one owner in one scope. */
  readonly apiKeys: number;
  /** Open ones. */
  readonly invitations: number;
  /** In one organization. */
  readonly serviceAccounts: number;
  /** Of an organization and all of its members together. */
  readonly attributeBytes: number;
}

export interface BillingSettings {
  readonly url: string;
  readonly token: string | undefined;
  /** How long an organization stays after billing has asked for its deletion (decision 0030). */
  readonly deletionDelayHours: number;
  /** Of all organizations, no more are deleted for billing within a day; a few may be, however few there are. */
  readonly deletionPercentMax: number;
}
