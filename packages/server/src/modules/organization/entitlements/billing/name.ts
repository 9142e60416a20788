import type { BrokerConsumerName } from "#platform/broker/broker.ts";

/** The consumer of billing's events; its inbox rows have the same name. */
export const billingConsumer: BrokerConsumerName = { name: "iam.billing", exchange: "bum.events" };
