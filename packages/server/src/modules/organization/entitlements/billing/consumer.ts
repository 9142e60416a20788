import type { Dispatch } from "#operation/dispatch.ts";
import { OperationError } from "#operation/errors.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin } from "#operation/scheduled.ts";
import type { BrokerConsumer, Received } from "#platform/broker/broker.ts";
import { tenantScope } from "#platform/database/database.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import type { Platform } from "#platform/platform.ts";
import type { Settings } from "#platform/settings.ts";
import { Unavailable } from "#platform/unavailable.ts";
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
export const followBilling = (platform: Platform, dispatch: Dispatch): BrokerConsumer => ({
  ...billingConsumer,
  topics: billingTopics,
  async handle({ event }: Received) {
    const occurredAt = timeOf(event);
    const wish = wishOf(event);
    const message = { messageId: `${event.source} ${event.id}`, occurredAt };
    const { operation, input } = wish.erase ? await deletion(wish, platform) : await following(wish, platform);
    try {
      await dispatch({ operation, input: { ...input, ...message }, principal: system, origin: backgroundOrigin() });
    } catch (error) {
      if (error instanceof OperationError && final.includes(error.definition.code)) throw new NonRetryableError(error.message, error);
      throw error;
    }
  },
});

interface Call {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

const addressOf = ({ billing }: Settings, wanted: string): NonNullable<Settings["billing"]> => {
  if (billing === undefined) throw new NonRetryableError(`${wanted}, and there is no BILLING_URL to ask`);
  return billing;
};

async function deletion({ organizationId }: BillingWish, { settings, resilience }: Platform): Promise<Call> {
  const billing = addressOf(settings, "billing has to confirm a deletion");
  const confirmed = await askBilling(billing, organizationId, resilience).then(
    (answer) => (answer?.deletionRequested === true ? "yes" : "no"),
    (error) => {
      if (!(error instanceof Unavailable)) throw error;
      return "unknown";
    },
  );
  return { operation: "entitlements.requestDeletion", input: { organizationId, confirmed, delayHours: billing.deletionDelayHours } };
}

/** With the entitlements that billing has now, where the event does not say them. */
async function following(wish: BillingWish, platform: Platform): Promise<Call> {
  const operation = "entitlements.followBilling";
  const { entitlementsUnsaid, ...said } = wish;
  if (!entitlementsUnsaid) return { operation, input: said };
  const billing = addressOf(platform.settings, "the event carries no entitlements");
  const { organizationId } = wish;
  let answer: BillingAnswer | undefined;
  try {
    answer = await askBilling(billing, organizationId, platform.resilience);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await platform.database.transact(tenantScope(organizationId), (tx) => platform.jobs.enqueue(tx, askLaterJob, { organizationId }));
    return { operation, input: said };
  }
  if (answer === undefined) throw new NonRetryableError("billing knows no such organization");
  return { operation, input: { ...said, plan: said.plan ?? answer.planId, entitlements: answer.entitlements } };
}
