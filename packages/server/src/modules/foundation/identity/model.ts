import type { ErrorDetail } from "#operation/errors.ts";
import { Email, nullable, oneOf, PersonName, type Static, Timestamp, Type, Uuid } from "#operation/schema.ts";

/** S3 §6.1 `users.status`. */
export const UserStatus = oneOf("PendingConfirmation", "Active", "Suspended");
export type UserStatus = Static<typeof UserStatus>;

export const User = Type.Object({
  id: Uuid,
  email: Email,
  firstName: PersonName,
  lastName: PersonName,
  locale: Type.String(),
  status: UserStatus,
  /** Since when the mail server of the address refuses it for good; null while mails are delivered. */
  emailUndeliverableAt: nullable(Timestamp),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type User = Static<typeof User>;

/** BCP 47; the length is S3's column. */
const localeLengthMax = 10;
export const Locale = Type.String({ minLength: 2, maxLength: localeLengthMax });

export const NewPassword = Type.String({ minLength: 8, maxLength: 128, "x-secret": true });

/** What sign-in needs to know of a user. */
export interface SignInFacts {
  readonly userId: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly status: UserStatus;
  /** Hashes of the registrations of the address that nobody has confirmed; of an unconfirmed user the own one is among them. */
  readonly registrations: readonly string[];
}

/** What a session depends on: it holds while the user is active and in the epoch in which it began. */
export interface SessionFacts {
  readonly status: UserStatus;
  /** Grows with each change of the password and each suspension. */
  readonly sessionEpoch: number;
}

/** The canonical form of a BCP 47 tag (`vi-vn` → `vi-VN`), or the detail that says why it is none. */
export function canonicalLocale(tag: string): string | ErrorDetail {
  const canonical = canonicalOf(tag);
  if (canonical === undefined) return { field: "locale", rule: "bcp47", message: "is not a BCP 47 language tag, as en or vi-VN" };
  // The canonical form may be the longer one: `sh-001` is `sr-Latn-001`.
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

/** Addresses are compared without regard to case, as people write them; kept as they were given. */
export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** What the mail queue calls where a mail server refuses a user's address for good. */
export const recordUndeliverableOperation = "identity.recordUndeliverable";
