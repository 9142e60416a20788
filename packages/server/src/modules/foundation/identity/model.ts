import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { Email, nullable, oneOf, PersonName, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** `PendingConfirmation` until the address is verified. */
export const UserStatus = oneOf("PendingConfirmation", "Active", "Suspended");
export type UserStatus = Static<typeof UserStatus>;

export const User = Type.Object({
  id: Uuid,
  email: Email,
  firstName: PersonName,
  lastName: PersonName,
  locale: Type.String(),
  status: UserStatus,
  /** When the mail server permanently refused the address; null while mails are delivered. */
  emailUndeliverableAt: nullable(Timestamp),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type User = Static<typeof User>;

/** BCP 47; as long as the column. */
const localeLengthMax = 10;
export const Locale = Type.String({ minLength: 2, maxLength: localeLengthMax });

/** The profile fields of a registration, besides the address. */
export interface Profile {
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}

/** What a session depends on: it is valid while the user is active and in the epoch in which it began. */
export interface SessionFacts {
  readonly status: UserStatus;
  /** Incremented by each password change and each suspension. */
  readonly sessionEpoch: number;
}

/** The canonical form of a BCP 47 tag (`vi-vn` → `vi-VN`), or the issue with it. */
export function canonicalLocale(tag: string): string | ErrorDetail {
  const canonical = canonicalOf(tag);
  if (canonical === undefined) return { field: "locale", rule: "bcp47", message: "is not a BCP 47 language tag, as en or vi-VN" };
  // The canonical form may be longer than the input: `sh-001` becomes `sr-Latn-001`.
  if (canonical.length > localeLengthMax)
    return { field: "locale", rule: "maxLength", message: `must not be longer than ${localeLengthMax} characters in its canonical form` };
  return canonical;
}

function canonicalOf(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

/** Addresses are compared without regard to case, but stored as given. */
export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** The representation of a new user. It is the same if no row is written, so a response does not reveal that. */
export const newUser = (
  { id, email, status, ...profile }: Profile & { readonly id: string; readonly email: string; readonly status: UserStatus },
  now: Date,
): User => ({
  id,
  email,
  ...profile,
  status,
  emailUndeliverableAt: null,
  createdAt: now.toISOString(),
  updatedAt: now.toISOString(),
  version: 1,
});

/** The operation that the mail queue calls when a mail server permanently refuses a user's address. */
export const recordUndeliverableOperation = "identity.recordUndeliverable";
