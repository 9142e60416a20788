import type { Logger } from "pino";
import { type Database, everyTenant } from "../database/database.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import type { Broker, BrokerSubscription } from "./broker.ts";
import { countWaiting, insertMessages, tableDeadLetters } from "./database-broker-store.ts";
import { DatabaseConsumer, type DatabaseConsumerOptions } from "./database-consumer.ts";
import { unavailable } from "./unavailable.ts";

export interface DatabaseBrokerOptions extends DatabaseConsumerOptions {
  /** Registers a listener for when the database may have lost transactions (`LogFollower.onRestart`). */
  readonly onRestart?: (listener: () => void) => void;
}

const pingMs = policies["broker.connection"].timeLimitMs;

/**
 * The broker of an installation without a broker service: messages are rows of the product's own database. One process at a time
 * delivers a consumer's messages, under a lease.
 */
export function databaseBroker(database: Database, logger: Logger, options: DatabaseBrokerOptions = {}): Broker {
  const running = new Set<DatabaseConsumer>();
  options.onRestart?.(() => {
    for (const loop of running) loop.restart();
  });
  return {
    kind: "in-process",
    async publish(messages) {
      await database.transact(everyTenant, (tx) => insertMessages(tx, messages));
      for (const loop of running) loop.wake();
    },
    consume(consumer) {
      const loop = new DatabaseConsumer(database, logger, consumer, options);
      running.add(loop);
      loop.start();
      return {
        ready: () => loop.ready,
        waiting: () => database.read(everyTenant, (db) => countWaiting(db, consumer)),
        close: async () => {
          running.delete(loop);
          await loop.close();
        },
      } satisfies BrokerSubscription;
    },
    deadLetters: ({ name }) =>
      tableDeadLetters(name, {
        read: (work) => database.read(everyTenant, work),
        write: async (work) => {
          const done = await database.transact(everyTenant, work);
          for (const loop of running) loop.wake();
          return done;
        },
      }),
    ping: () => unavailable(() => within(pingMs, "the database does not answer", database.ping())),
    prepare: async () => {},
    refusal: () => undefined,
    inspect: async () => [],
    async close() {
      await Promise.all([...running].map((loop) => loop.close()));
      running.clear();
    },
    abandon() {
      for (const loop of running) loop.abandon();
      running.clear();
    },
  };
}
