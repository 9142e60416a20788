import type { BrokerConsumerName } from "#platform/broker/broker.ts";

/** Who takes billing's events from the broker; its rows in the inbox have the name, too. */
export const billingConsumer: BrokerConsumerName = { name: "iam.billing", exchange: "bum.events" };
