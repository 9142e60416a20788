/** Of billing's queue, group or durable consumer, and of its rows in the inbox. */
export const billingConsumerName = "iam.billing";
