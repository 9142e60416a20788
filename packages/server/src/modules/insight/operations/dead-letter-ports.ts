import { entriesConsumer, entryDeadLetters } from "#modules/authorization/decisions/index.ts";
import { deadEntries, entryConsumer, forwardConsumer, unforwarded } from "#modules/foundation/audit/index.ts";
import { billingConsumer } from "#modules/organization/entitlements/index.ts";
import type { BrokerConsumerName } from "#platform/broker/broker.ts";
import { rejectedEvents, relayConsumer } from "#platform/broker/rejected-events.ts";
import type { DeadLetters } from "#platform/dead-letters.ts";
import type { Platform } from "#platform/platform.ts";
import { jobsPrefix } from "./store.ts";

/** The product's consumers of the broker. A test compares them with those of the modules. */
export const brokerConsumers: readonly BrokerConsumerName[] = [billingConsumer];

/** Dead letters of records that are no events, by the name of their consumer. */
const recordQueues: Readonly<Record<string, (platform: Platform) => DeadLetters>> = {
  [entriesConsumer]: entryDeadLetters,
  [entryConsumer]: deadEntries,
  [forwardConsumer]: unforwarded,
  [relayConsumer]: ({ database }) => rejectedEvents(database),
};

export const recordQueueNames: readonly string[] = Object.keys(recordQueues);

/** The ports with dead letters, for the use cases of this module. */
export interface DeadLetterPorts {
  /** The kind of the broker's adapter. */
  readonly brokerKind: string;
  /** Names of the consumers of records and of jobs. Those of the log's consumers are in the database. */
  readonly names: { readonly records: readonly string[]; readonly jobs: readonly string[] };
  /** The dead letters of a consumer of the broker, of records or of jobs; undefined for another name. */
  find(consumer: string): DeadLetters | undefined;
  ofLogConsumer(consumer: string): DeadLetters;
}

export const deadLetterPorts = (platform: Platform): DeadLetterPorts => ({
  brokerKind: platform.broker.kind,
  names: {
    records: [...brokerConsumers.map(({ name }) => name), ...recordQueueNames],
    get jobs() {
      return platform.jobs.queues.map((name) => `${jobsPrefix}${name}`);
    },
  },
  find(consumer) {
    const brokerConsumer = brokerConsumers.find(({ name }) => name === consumer);
    if (brokerConsumer !== undefined) return platform.broker.deadLetters(brokerConsumer);
    const recordQueue = recordQueues[consumer];
    if (recordQueue !== undefined) return recordQueue(platform);
    const queue = consumer.startsWith(jobsPrefix) ? consumer.slice(jobsPrefix.length) : undefined;
    return queue !== undefined && platform.jobs.queues.includes(queue) ? platform.jobs.deadLetters(queue) : undefined;
  },
  ofLogConsumer: (consumer) => platform.consumers.deadLetters(consumer),
});
