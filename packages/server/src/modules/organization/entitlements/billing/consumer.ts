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
import { DeletionNotConfirmed, EventInTheFuture } from "../errors.ts";
import { type BillingAnswer, fetchFromBilling } from "./client.ts";
import { fetchEntitlementsJob } from "./fetch-entitlements.ts";
import { type BillingChange, billingTopics, changeOf, timeOf } from "./messages.ts";
import { billingConsumer } from "./name.ts";

/** Error codes that no retry changes: the message becomes a dead letter at once. */
const nonRetryable: readonly string[] = [EventInTheFuture.code, DeletionNotConfirmed.code];

/**
 * Applies billing's events: each message is one command, with its inbox row in the command's transaction. Where a message needs billing's
 * API and that is unavailable, the command applies the message's own data and a job fetches the rest: a waiting message would block all
 * others. A deletion is confirmed by billing's API and executed later by a job.
 */
export const followBillingEvents = (platform: Platform, dispatch: InternalDispatch): BrokerConsumer => ({
  ...billingConsumer,
  topics: billingTopics,
  async handle({ event }: Received) {
    const occurredAt = timeOf(event);
    const change = changeOf(event);
    const message = { messageId: `${event.source} ${event.id}`, occurredAt };
    const apply = change.erase ? await deletion(change, platform) : await update(change, platform);
    try {
      await apply(dispatch, message);
    } catch (error) {
      if (error instanceof OperationError && nonRetryable.includes(error.definition.code))
        throw new NonRetryableError(error.message, error);
      throw error;
    }
  },
});

/** Dispatches the command of a message, completed with the fields that every message has. */
type Apply = (dispatch: InternalDispatch, message: { readonly messageId: string; readonly occurredAt: string }) => Promise<unknown>;

const addressOf = ({ billing }: Settings, need: string): NonNullable<Settings["billing"]> => {
  if (billing === undefined) throw new NonRetryableError(`${need}, and BILLING_URL is not set`);
  return billing;
};

async function deletion({ organizationId }: BillingChange, { settings, resilience }: Platform): Promise<Apply> {
  const billing = addressOf(settings, "billing's API must confirm a deletion");
  const confirmed = await fetchFromBilling(billing, organizationId, resilience).then(
    (answer) => (answer?.deletionRequested === true ? ("yes" as const) : ("no" as const)),
    (error) => {
      if (!(error instanceof Unavailable)) throw error;
      return "unknown" as const;
    },
  );
  const request = { organizationId, confirmed, delayHours: billing.deletionDelayHours };
  return (dispatch, message) => dispatch(requestDeletion, { ...request, ...message });
}

/** Fetches the entitlements from billing's API where the event has none. */
async function update(change: BillingChange, platform: Platform): Promise<Apply> {
  const { entitlementsMissing, ...fields } = change;
  const applyFields: Apply = (dispatch, message) => dispatch(followBilling, { ...fields, ...message });
  if (!entitlementsMissing) return applyFields;
  const billing = addressOf(platform.settings, "the event has no entitlements");
  const { organizationId } = change;
  let answer: BillingAnswer | undefined;
  try {
    answer = await fetchFromBilling(billing, organizationId, platform.resilience);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await platform.database.transact(tenantScope(organizationId), (tx) =>
      platform.jobs.enqueue(tx, fetchEntitlementsJob, { organizationId }),
    );
    return applyFields;
  }
  if (answer === undefined) throw new NonRetryableError("billing knows no such organization");
  const { planId, entitlements } = answer;
  return (dispatch, message) => dispatch(followBilling, { ...fields, plan: fields.plan ?? planId, entitlements, ...message });
}
