import { v7 as uuid } from "uuid";
import { takeMail } from "#modules/foundation/notifications/index.ts";
import { anyone } from "#operation/authorization.ts";
import { invalid } from "#operation/errors.ts";
import { Email, PersonName, Type } from "#operation/schema.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { EmailTaken } from "../errors.ts";
import { RegistrationRepeated, UserRegistered } from "../events.ts";
import { canonicalLocale, Locale, NewPassword, recordUndeliverableOperation, User } from "../model.ts";
import { identity } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";
import { refuseNoNames } from "../person-name.ts";
import { type Registration, registered, toUser, type UserRow } from "../store.ts";

/**
 * Registers a person (S3 §8.1). A known address gets the same answer, in the same time, and its owner a mail
 * (decision 0010), so the answer tells a stranger nothing.
 */
export const register = identity.command("register", {
  http: "POST /api/v1/iam/auth/register",
  summary: "Register a new user and mail a link to confirm the address.",
  allow: anyone("a newcomer has no account yet"),
  audit: { action: "User.Registered", category: "Business", severity: "Info", entity: "User" },
  hashes: true,
  limit: { per: "address", points: 30, seconds: 600 },
  versioned: true,
  input: Type.Object({ email: Email, password: NewPassword, firstName: PersonName, lastName: PersonName, locale: Locale }),
  output: User,
  status: 201,
  errors: [EmailTaken],
  async prepare({ services }, input) {
    const locale = canonicalLocale(input.locale);
    if (typeof locale !== "string") throw invalid(locale);
    refuseNoNames(input);
    const { email, firstName, lastName } = input;
    const passwordHash = await hashChosenPassword(input.password, { email, names: [firstName, lastName] }, services.settings);
    return { locale, passwordHash, wait: await takeMail(services, "registration", email) };
  },
  async run({ store, uses, emit, fail, audit, now, services }, input, { locale, passwordHash, wait }) {
    const { settings } = services;
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
      email_undeliverable_at: null,
      session_epoch: 1,
      version: 1,
      created_at: now,
      updated_at: now,
    };
    const known = await store.lockByEmail(input.email);
    const hasAccount = known !== undefined && known.status !== "PendingConfirmation";
    if (hasAccount && settings.knownAddress === "explicit") fail(EmailTaken, { field: "email", rule: "taken" });
    // Each way writes one row, one event and one mail: neither the time nor a later sign-in tells a caller which it was.
    if (known) {
      audit({ entity: { type: "User", id: known.id } });
      await store.addRegistration(known, registration, now);
      emit(RegistrationRepeated, { userId: known.id });
    } else {
      await store.insert(row);
      emit(UserRegistered, { userId: row.id, email: row.email, firstName: row.first_name, lastName: row.last_name, locale });
    }
    // No further mail: those that this mailbox has had already hold links that work.
    if (wait > 0) return toUser(row);
    const onUndeliverable = recordUndeliverableOperation;
    if (hasAccount) {
      const { email: to, first_name: firstName } = known;
      await uses.notifications.mail({ template: "address-known", to, locale: known.locale, data: { firstName }, onUndeliverable });
    } else {
      const data = { firstName: input.firstName, token, again: known !== undefined };
      await uses.notifications.mail({ template: "verify-email", to: input.email, locale, data, onUndeliverable });
    }
    return toUser(row);
  },
});
