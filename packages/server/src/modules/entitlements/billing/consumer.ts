import { system } from "../../../operation/caller.ts";
import type { Dispatch } from "../../../operation/dispatch.ts";
import { backgroundOrigin } from "../../../operation/scheduled.ts";
import { type BrokerConsumer, Poison, type Received } from "../../../platform/broker/broker.ts";
import { tenantScope } from "../../../platform/database/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Unavailable } from "../../../platform/unavailable.ts";
import { askLaterJob } from "./ask-later.ts";
import { askBilling, type BillingAnswer } from "./client.ts";
import { type BillingWish, billingTopics, timeOf, wishOf } from "./messages.ts";
import { billingConsumer } from "./name.ts";

/**
 * Follows what billing says (S3 §26.1): each message is one command, with its inbox row in the command's transaction. Where billing's
 * API is to be asked and is away, what the message says is done, and a job asks for the rest: a message that waited would in time hold up
 * all others.
 */
export const followBilling = (platform: Platform, dispatch: Dispatch): BrokerConsumer => ({
  ...billingConsumer,
  topics: billingTopics,
  async handle({ event }: Received) {
    const occurredAt = timeOf(event);
    const { erase, ...wish } = await completed(wishOf(event), platform);
    const message = { messageId: `${event.source} ${event.id}`, occurredAt };
    const call = erase
      ? { operation: "tenancy.eraseOrganization", input: { organizationId: wish.organizationId } }
      : { operation: "entitlements.followBilling", input: { ...wish, ...message } };
    await dispatch({ ...call, caller: system, origin: backgroundOrigin() });
  },
});

/** With the entitlements that billing has now, where the event does not say them. */
async function completed(wish: BillingWish, platform: Platform): Promise<BillingWish> {
  const { settings, resilience } = platform;
  const { entitlementsUnsaid, ...said } = wish;
  if (!entitlementsUnsaid) return said;
  if (settings.billing === undefined) throw new Poison("the event carries no entitlements, and there is no BILLING_URL to ask");
  const { organizationId } = wish;
  let answer: BillingAnswer | undefined;
  try {
    answer = await askBilling(settings.billing, organizationId, resilience);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await platform.database.transact(tenantScope(organizationId), (tx) => platform.jobs.enqueue(tx, askLaterJob, { organizationId }));
    return said;
  }
  if (answer === undefined) throw new Poison("billing knows no such organization");
  return { ...said, plan: said.plan ?? answer.planId, entitlements: answer.entitlements };
}
