/** What the configuration decides for modules (names and defaults: docs/contract.md, "Starting it"; units in the names). */
export interface Settings {
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
  /** How long decided questions are kept for previews; 0 keeps none. */
  readonly decisionDays: number;
  /** Billing's API (decision 0024), and the token that it asks for. */
  readonly billing: BillingSettings | undefined;
  /** How long audit records are kept; 0 keeps all. */
  readonly auditDays: number;
  /** How long events are kept in the log, where every reader has passed them; 0 keeps all. */
  readonly eventDays: number;
  /** Whether each audit record is handed on as an event (S3 §26.3). */
  readonly auditForward: "on" | "off";
  /** Words of this installation that are no passwords. */
  readonly passwordWords: readonly string[];
  /** Sessions of one user beside each other; one more ends the oldest. */
  readonly sessionsPerUser: number;
  /** Invitations that one account may send in an hour, in all organizations; an organization four times as many in a day. */
  readonly invitationsPerHour: number;
  /** `off` on loopback only, for measuring. */
  readonly signInLimit: "on" | "off";
}

export interface BillingSettings {
  readonly url: string;
  readonly token: string | undefined;
  /** How long an organization stays after billing has asked for its deletion (decision 0030). */
  readonly deletionDelayHours: number;
  /** Of all organizations, no more are deleted for billing within a day; a few may be, however few there are. */
  readonly deletionPercentMax: number;
}
