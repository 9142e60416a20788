import { OperationError } from "#operation/declaration/errors.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { BrokerConsumer, Received } from "#platform/broker/broker.ts";
import { tenantScope } from "#platform/database/database.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import type { Platform } from "#platform/platform.ts";
import type { Settings } from "#platform/settings.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { followBilling } from "../commands/follow-billing.ts";
import { requestDeletion } from "../commands/request-deletion.ts";
import { DeletionNotConfirmed, EventFromTheFuture } from "../errors.ts";
import { askLaterJob } from "./ask-later.ts";
import { askBilling, type BillingAnswer } from "./client.ts";
import { type BillingWish, billingTopics, timeOf, wishOf } from "./messages.ts";
import { billingConsumer } from "./name.ts";

/** Answers of the commands that no other try changes: the message becomes a dead letter at once. */
const final: readonly string[] = [EventFromTheFuture.code, DeletionNotConfirmed.code];

/**
 * Follows what billing says: each message is one command, with its inbox row in the command's transaction. Where billing's
 * API is to be asked and is away, what the message says is done, and a job asks for the rest: a message that waited would in time hold up
 * all others. A deletion is confirmed by billing's API, and done later by a job.
 */
export const followBillingEvents = (platform: Platform, dispatch: InternalDispatch): BrokerConsumer => ({
  ...billingConsumer,
  topics: billingTopics,
  async handle({ event }: Received) {
    const occurredAt = timeOf(event);
    const wish = wishOf(event);
    const message = { messageId: `${event.source} ${event.id}`, occurredAt };
    const follow = wish.erase ? await deletion(wish, platform) : await following(wish, platform);
    try {
      await follow(dispatch, message);
    } catch (error) {
      if (error instanceof OperationError && final.includes(error.definition.code)) throw new NonRetryableError(error.message, error);
      throw error;
    }
  },
});

/** The command that a message asks for, with all but what every message has. */
type Follow = (dispatch: InternalDispatch, message: { readonly messageId: string; readonly occurredAt: string }) => Promise<unknown>;

const addressOf = ({ billing }: Settings, wanted: string): NonNullable<Settings["billing"]> => {
  if (billing === undefined) throw new NonRetryableError(`${wanted}, and there is no BILLING_URL to ask`);
  return billing;
};

async function deletion({ organizationId }: BillingWish, { settings, resilience }: Platform): Promise<Follow> {
  const billing = addressOf(settings, "billing has to confirm a deletion");
  const confirmed = await askBilling(billing, organizationId, resilience).then(
    (answer) => (answer?.deletionRequested === true ? ("yes" as const) : ("no" as const)),
    (error) => {
      if (!(error instanceof Unavailable)) throw error;
      return "unknown" as const;
    },
  );
  const wanted = { organizationId, confirmed, delayHours: billing.deletionDelayHours };
  return (dispatch, message) => dispatch(requestDeletion, { ...wanted, ...message });
}

/** With the entitlements that billing has now, where the event does not say them. */
async function following(wish: BillingWish, platform: Platform): Promise<Follow> {
  const { entitlementsUnsaid, ...said } = wish;
  const asSaid: Follow = (dispatch, message) => dispatch(followBilling, { ...said, ...message });
  if (!entitlementsUnsaid) return asSaid;
  const billing = addressOf(platform.settings, "the event carries no entitlements");
  const { organizationId } = wish;
  let answer: BillingAnswer | undefined;
  try {
    answer = await askBilling(billing, organizationId, platform.resilience);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await platform.database.transact(tenantScope(organizationId), (tx) => platform.jobs.enqueue(tx, askLaterJob, { organizationId }));
    return asSaid;
  }
  if (answer === undefined) throw new NonRetryableError("billing knows no such organization");
  const { planId, entitlements } = answer;
  return (dispatch, message) => dispatch(followBilling, { ...said, plan: said.plan ?? planId, entitlements, ...message });
}
