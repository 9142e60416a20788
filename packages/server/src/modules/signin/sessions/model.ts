import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

export const Session = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  createdAt: Timestamp,
  lastActiveAt: Timestamp,
  /** The absolute limit; an unused session expires earlier. */
  expiresAt: Timestamp,
  ipAddress: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  /** Whether it is the session of the call. */
  current: Type.Boolean(),
});
export type Session = Static<typeof Session>;

/** The prefix of session tokens (docs/contract.md, "Credentials"). */
export const tokenPrefix = "ghs_";

/** `ghs_` and 43 base64url characters. A token of another form is not looked up. */
export const isSessionToken = (text: string): boolean => /^ghs_[\w-]{43}$/.test(text);
