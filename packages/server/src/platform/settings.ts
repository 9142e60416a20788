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
  /** `off` on loopback only, for measuring. */
  readonly signInLimit: "on" | "off";
}
