import { v7 as uuid } from "uuid";
import { anyone } from "../../../operation/authorization.ts";
import { invalid } from "../../../operation/errors.ts";
import { Email, PersonName, Type } from "../../../operation/schema.ts";
import { hashSecret, newSecret } from "../../../platform/secrets.ts";
import { EmailTaken } from "../errors.ts";
import { UserRegistered } from "../events.ts";
import { canonicalLocale, Locale, NewPassword, User } from "../model.ts";
import { identity } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";
import { type Registration, registered, toUser, type UserRow } from "../store.ts";

/**
 * Registers a person (S3 §8.1). A known address gets the same answer, in the same time, and its owner a mail
 * (decision 0010), so the answer tells a stranger nothing.
 */
export const register = identity.command("register", {
  http: "POST /api/v1/iam/auth/register",
  summary: "Register a new user and mail a link to confirm the address.",
  allow: anyone("a newcomer has no account yet"),
  hashes: true,
  limit: { per: "address", points: 30, seconds: 600 },
  versioned: true,
  input: Type.Object({ email: Email, password: NewPassword, firstName: PersonName, lastName: PersonName, locale: Locale }),
  output: User,
  status: 201,
  errors: [EmailTaken],
  async prepare({ platform }, input) {
    const locale = canonicalLocale(input.locale);
    if (typeof locale !== "string") throw invalid(locale);
    return { locale, passwordHash: await hashChosenPassword(input.password, input.email, platform.settings) };
  },
  async run({ store, uses, emit, fail, now, platform }, input, { locale, passwordHash }) {
    const { settings } = platform;
    const token = newSecret();
    const registration: Registration = {
      passwordHash,
      firstName: input.firstName,
      lastName: input.lastName,
      locale,
      tokenHash: hashSecret(token),
      tokenExpiresAt: new Date(now.getTime() + settings.verifyEmailSeconds * 1_000),
    };
    const row: UserRow = {
      id: uuid(),
      email: input.email,
      status: "PendingConfirmation",
      ...registered(registration),
      password_reset_token: null,
      password_reset_token_expires_at: null,
      session_epoch: 1,
      version: 1,
      created_at: now,
      updated_at: now,
    };
    const known = await store.lockByEmail(input.email);
    if (known && known.status !== "PendingConfirmation") {
      if (settings.knownAddress === "explicit") fail(EmailTaken, { field: "email", rule: "taken" });
      await uses.notifications.mail({
        template: "address-known",
        to: known.email,
        locale: known.locale,
        data: { firstName: known.first_name },
      });
      return toUser(row);
    }
    if (known) await store.supersedeRegistration(known, registration, now);
    else {
      await store.insert(row);
      emit(UserRegistered, { userId: row.id, email: row.email, firstName: row.first_name, lastName: row.last_name, locale });
    }
    await uses.notifications.mail({ template: "verify-email", to: input.email, locale, data: { firstName: input.firstName, token } });
    return toUser(row);
  },
});
