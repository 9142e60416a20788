import { v7 as uuid } from "uuid";
import {
  canonicalLocale,
  Locale,
  newUser,
  recordUndeliverableOperation,
  rejectInvalidNames,
  User,
} from "#modules/foundation/identity/index.ts";
import { takeMail } from "#modules/foundation/notifications/index.ts";
import { anyone } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { Email, PersonName, Type } from "#operation/declaration/schema.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { EmailTaken } from "../errors.ts";
import { RegistrationRepeated } from "../events.ts";
import { NewPassword } from "../model.ts";
import { authentication } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";

/**
 * Registers a user. A known address gets the same answer in the same time, and its owner a mail (decision 0010): the answer does not
 * disclose whether the address is known.
 */
export const register = authentication.command("register", {
  http: "POST /api/v1/iam/auth/register",
  summary: "Register a new user and mail a link to confirm the address.",
  allow: anyone("a new user has no account yet"),
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
    rejectInvalidNames(input);
    const { email, firstName, lastName } = input;
    const passwordHash = await hashChosenPassword(input.password, { email, names: [firstName, lastName] }, services.settings);
    return { locale, passwordHash, wait: await takeMail(services, "registration", email) };
  },
  async run({ store, uses, emit, fail, audit, now, services }, input, { locale, passwordHash, wait }) {
    const { settings } = services;
    const token = newSecret();
    const link = { hash: hashSecret(token), expiresAt: new Date(now.getTime() + settings.verifyEmailSeconds * 1_000) };
    const { email, firstName, lastName } = input;
    const person = { email, firstName, lastName, locale, status: "PendingConfirmation" as const };
    const known = await uses.identity.lockAddress(email);
    const hasAccount = known !== undefined && known.status !== "PendingConfirmation";
    if (hasAccount && settings.knownAddress === "explicit") fail(EmailTaken, { field: "email", rule: "taken" });
    // Both branches execute the same number of statements, one event and one mail, so the response time discloses nothing.
    let user: User;
    if (known) {
      user = newUser({ id: uuid(), ...person }, now);
      audit({ entity: { type: "User", id: known.id } });
      await store.addRegistration(known.id, { passwordHash, firstName, lastName, locale }, link, now);
      emit(RegistrationRepeated, { userId: known.id });
    } else {
      user = await uses.identity.createUser(person);
      await store.addFirstRegistration(user.id, passwordHash, link, now);
    }
    // No further mail: the links in the earlier mails to this mailbox still work.
    if (wait > 0) return user;
    const onUndeliverable = recordUndeliverableOperation;
    if (hasAccount) {
      const data = { firstName: known.firstName };
      await uses.notifications.mail({ template: "address-known", to: known.email, locale: known.locale, data, onUndeliverable });
    } else {
      const data = { firstName, token, again: known !== undefined };
      await uses.notifications.mail({ template: "verify-email", to: email, locale, data, onUndeliverable });
    }
    return user;
  },
});
