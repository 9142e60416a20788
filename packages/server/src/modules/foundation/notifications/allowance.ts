import type { Services } from "#operation/declaration/context.ts";
import type { Limit } from "#platform/limits/limits.ts";
import { pseudonym } from "#platform/secrets.ts";

const hour = 3_600;
const day = 24 * hour;

/**
 * What one mailbox gets at most of each kind, whoever asks and from wherever (decision 0042). A limit is no longer than the links of that
 * kind work, or leaves several of them: who gets no further mail has one with a link that works.
 */
const ofMailbox = {
  /** `verify-email` and `address-known` together: which of them is sent tells whether there is an account. */
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
 * Takes a mail of what a mailbox may get. Answers how many seconds to wait, 0 when it may be sent. To be called before the transaction;
 * nobody is to be told of it who does not know already whether the address has an account.
 */
export const takeMail = (services: Services, kind: LimitedMail, to: string): Promise<number> =>
  takeAll(services, `mails ${kind} to a mailbox`, pseudonym(mailboxOf(to)), ofMailbox[kind], kind);

/** What a principal makes the product send to addresses of its choice: its own limit, and that of all principals of an organization. */
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

/** In a day an organization invites as many as four of its accounts in an hour. */
const organizationShare = 4;

/** The first limit that is used up counts; those behind it are not taken from by what is not sent. */
async function takeAll(services: Services, name: string, key: string, limits: readonly Limit[], kind: LimitedMail): Promise<number> {
  if (services.settings.signInLimit === "off") return 0;
  let wait = 0;
  for (const limit of limits) {
    wait = await services.limits.take(name, key, limit);
    if (wait > 0) break;
  }
  if (wait > 0) {
    services.metrics.mailsLimited.inc({ kind });
    services.logger.warn({ kind, retryAfterSeconds: wait }, "a mail was not sent: its recipient or its sender has had enough of this kind");
  }
  return wait;
}

/** One mailbox, however its address is written: case, and what stands behind a plus sign (RFC 5233), make no other one. */
function mailboxOf(address: string): string {
  const lowered = address.toLowerCase();
  const at = lowered.lastIndexOf("@");
  return `${lowered.slice(0, at).replace(/(?<=.)\+.*$/, "")}${lowered.slice(at)}`;
}
