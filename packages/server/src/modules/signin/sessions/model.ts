import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

export const Session = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  createdAt: Timestamp,
  lastActiveAt: Timestamp,
  /** The absolute limit; a session that is not used ends earlier. */
  expiresAt: Timestamp,
  ipAddress: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  /** True for the session that asks. */
  current: Type.Boolean(),
});
export type Session = Static<typeof Session>;

/** First-party credentials begin with this (docs/contract.md, "Credentials"). */
export const tokenPrefix = "ghs_";

/** `ghs_` and 43 base64url characters: what is anything else is not looked up. */
export const isSessionToken = (text: string): boolean => /^ghs_[\w-]{43}$/.test(text);
