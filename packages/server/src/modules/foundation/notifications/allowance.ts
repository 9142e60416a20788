import type { Services } from "#operation/declaration/context.ts";
import type { Limit } from "#platform/limits/limits.ts";
import { pseudonym } from "#platform/secrets.ts";

const hour = 3_600;
const day = 24 * hour;

/**
 * Limits the mails of each kind to one mailbox, for all callers together (decision 0042). A limit's window is no longer than the lifetime
 * of that kind's links, or allows several mails: a limited recipient still has a link that works.
 */
const ofMailbox = {
  /** Counts `verify-email` and `address-known` together: separate counts would reveal whether there is an account. */
  registration: [
    { points: 5, seconds: hour },
    { points: 10, seconds: day },
  ],
  "reset-password": [{ points: 5, seconds: hour }],
  invitation: [
    { points: 5, seconds: hour },
    { points: 15, seconds: day },
  ],
  "address-check": [{ points: 3, seconds: hour }],
} as const satisfies Readonly<Record<string, readonly Limit[]>>;
export type LimitedMail = keyof typeof ofMailbox;

/**
 * Counts a mail to a mailbox against its limits. Returns the seconds to wait; 0 if the mail may be sent. Call it before the transaction.
 * Do not reveal the result to a caller who may not know whether the address has an account.
 */
export const takeMail = (services: Services, kind: LimitedMail, to: string): Promise<number> =>
  takeAll(services, `mails ${kind} to a mailbox`, pseudonym(mailboxOf(to)), ofMailbox[kind], kind);

/** Counts an invitation against the limit of its principal and that of its organization. Returns the seconds to wait. */
export async function takeInvitations(
  services: Services,
  by: { readonly principal: string; readonly organizationId: string },
): Promise<number> {
  const points = services.settings.invitationsPerHour;
  const ofAccount = await takeAll(services, "invitations of an account", by.principal, [{ points, seconds: hour }], "invitation");
  if (ofAccount > 0) return ofAccount;
  const ofOrganization = [{ points: points * organizationShare, seconds: day }];
  return takeAll(services, "invitations of an organization", by.organizationId, ofOrganization, "invitation");
}

/** The daily limit of an organization, as a multiple of the hourly limit of an account. */
const organizationShare = 4;

/** Stops at the first exhausted limit: a mail that is not sent does not count against the later ones. */
async function takeAll(services: Services, name: string, key: string, limits: readonly Limit[], kind: LimitedMail): Promise<number> {
  if (services.settings.signInLimit === "off") return 0;
  let wait = 0;
  for (const limit of limits) {
    wait = await services.limits.take(name, key, limit);
    if (wait > 0) break;
  }
  if (wait > 0) {
    services.metrics.mailsLimited.inc({ kind });
    services.logger.warn(
      { kind, retryAfterSeconds: wait },
      "a mail was not sent: the limit of its recipient or sender for this kind is reached",
    );
  }
  return wait;
}

/** The mailbox of an address: without regard to case and to a subaddress after a plus sign (RFC 5233). */
function mailboxOf(address: string): string {
  const lowered = address.toLowerCase();
  const at = lowered.lastIndexOf("@");
  return `${lowered.slice(0, at).replace(/(?<=.)\+.*$/, "")}${lowered.slice(at)}`;
}
