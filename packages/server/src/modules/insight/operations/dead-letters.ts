import { entriesConsumer, entryDeadLetters } from "#modules/authorization/decisions/index.ts";
import { deadEntries, entryConsumer, forwardConsumer, unforwarded } from "#modules/foundation/audit/index.ts";
import { billingConsumer } from "#modules/organization/entitlements/index.ts";
import type { ErrorDetail } from "#operation/errors.ts";
import type { BrokerConsumerName, DeadLetters } from "#platform/broker/broker.ts";
import { rejectedEvents, relayConsumer } from "#platform/broker/rejected-events.ts";
import type { Platform } from "#platform/platform.ts";
import { ConsumerNotFound } from "./errors.ts";
import { type DeliveryReads, jobsPrefix } from "./store.ts";

/** Those of the product that read a broker's exchange; a test compares them with what the modules consume. */
export const brokerConsumers: readonly BrokerConsumerName[] = [billingConsumer];

/** Queues of records that are no events, by their consumer's name. */
const recordQueues: Readonly<Record<string, (platform: Platform) => DeadLetters>> = {
  [entriesConsumer]: entryDeadLetters,
  [entryConsumer]: deadEntries,
  [forwardConsumer]: unforwarded,
  [relayConsumer]: ({ database }) => rejectedEvents(database),
};

export const recordQueueNames: readonly string[] = Object.keys(recordQueues);

interface Asking {
  readonly platform: Platform;
  reading<T>(work: (store: DeliveryReads) => Promise<T>): Promise<T>;
  fail(error: typeof ConsumerNotFound, ...details: ErrorDetail[]): never;
}

/** A consumer's dead letters, wherever they lie. Of a name that nobody has no queue is made by looking. */
export async function deadLettersOf({ platform, reading, fail }: Asking, consumer: string): Promise<DeadLetters> {
  const ofBroker = brokerConsumers.find(({ name }) => name === consumer);
  if (ofBroker !== undefined) return platform.broker.deadLetters(ofBroker);
  const ofRecords = recordQueues[consumer];
  if (ofRecords !== undefined) return ofRecords(platform);
  const queue = consumer.startsWith(jobsPrefix) ? consumer.slice(jobsPrefix.length) : undefined;
  if (queue !== undefined && platform.jobs.queues.includes(queue)) return platform.jobs.deadLetters(queue);
  const consumers = await reading((store) => store.consumers());
  if (consumers.some(({ name }) => name === consumer)) return platform.bus.deadLetters(consumer);
  const names = [...brokerConsumers.map(({ name }) => name), ...Object.keys(recordQueues), ...consumers.map(({ name }) => name)];
  const queues = platform.jobs.queues.map((name) => `${jobsPrefix}${name}`);
  return fail(ConsumerNotFound, { field: "consumer", message: `one of ${[...names, ...queues].join(", ")}` });
}
