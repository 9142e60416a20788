import type { Logger } from "pino";
import { type Database, everyTenant } from "../database/database.ts";
import { Unavailable } from "../database/faults.ts";
import type { Position } from "../log/event.ts";
import { policies } from "../resilience/policies.ts";
import { pauseUntil, within } from "../waiting.ts";
import type { Broker, BrokerConsumer, BrokerSubscription } from "./broker.ts";
import { goodbye } from "./goodbye.ts";
import {
  countWaiting,
  forgetDeadLetter,
  insertDeadLetter,
  insertMessages,
  messagesAfter,
  redriven,
  type StoredMessage,
  tableDeadLetters,
} from "./in-process-store.ts";
import { defaultRetry, inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import { Lease } from "./lease.ts";
import { Progress } from "./progress.ts";
import { topicMatcher } from "./topics.ts";
import { unavailable } from "./unavailable.ts";

export interface InProcessOptions {
  readonly retry?: RetryPolicy;
  readonly leaseSeconds?: number;
  /** Registers what is called when the database may have lost transactions (`LogFollower.onRestart`). */
  readonly onRestart?: (listener: () => void) => void;
}

/** How often a consumer looks by itself, for what another process published. */
const lookEveryMs = 500;
const askMs = policies["broker.connection"].timeLimitMs;

/**
 * The broker of an installation that has none: messages are rows of the product's own database. Of several processes one
 * hands a consumer's messages over, under a lease.
 */
export function inProcessBroker(database: Database, logger: Logger, options: InProcessOptions = {}): Broker {
  const running = new Set<ConsumerLoop>();
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
      const loop = new ConsumerLoop(database, logger, consumer, options);
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
    ping: () => unavailable(() => within(askMs, "the database does not answer", database.ping())),
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

class ConsumerLoop {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #consumer: BrokerConsumer;
  readonly #wanted: (topic: string) => boolean;
  readonly #work: KeyedWork;
  readonly #lease: Lease;
  readonly #inFlightMax: number;
  readonly #closing = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #again = new Set<string>();
  #progress = new Progress<Position>();
  #inFlight = 0;
  /** Where reading goes on; undefined while another process holds the place. */
  #read: Position | undefined;
  #claimedAt = Number.NEGATIVE_INFINITY;
  #woken = Promise.withResolvers<void>();
  #stage: "running" | "closing" | "abandoned" = "running";
  #loop: Promise<void> = Promise.resolve();

  constructor(database: Database, logger: Logger, consumer: BrokerConsumer, { retry = defaultRetry, leaseSeconds }: InProcessOptions) {
    this.#database = database;
    this.#logger = logger;
    this.#consumer = consumer;
    this.#wanted = topicMatcher(consumer.topics);
    this.#work = new KeyedWork(consumer, retry, logger);
    this.#lease = new Lease(database, "broker_consumers", consumer.name, leaseSeconds);
    this.#inFlightMax = consumer.inFlightMax ?? inFlightDefault;
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  start(): void {
    this.#loop = this.#run();
  }

  wake(): void {
    this.#woken.resolve();
  }

  /** Reads its place again: the one in memory may be of transactions that the database has lost. */
  restart(): void {
    this.#read = undefined;
  }

  async close(): Promise<void> {
    this.#stage = "closing";
    this.#closing.resolve();
    await this.#work.stop();
    const left = this.#loop.then(() => this.#advance()).then(() => this.#lease.release());
    left.catch((error) => this.#logger.debug({ err: error }, "a consumer's place could not be given back"));
    await goodbye(left);
  }

  abandon(): void {
    this.#stage = "abandoned";
    this.#closing.resolve();
    void this.#work.stop();
  }

  async #run(): Promise<void> {
    while (this.#stage === "running") {
      this.#woken = Promise.withResolvers<void>();
      const more = await this.#look().catch((error) => {
        this.#read = undefined;
        this.#logger.warn({ err: error, consumer: this.#consumer.name }, "messages could not be read");
        return false;
      });
      if (!more)
        await pauseUntil(Math.min(lookEveryMs, this.#lease.renewEveryMs), Promise.race([this.#woken.promise, this.#closing.promise]));
    }
  }

  /** Takes what there is room for. True when there may be more at once. */
  async #look(): Promise<boolean> {
    if (!(await this.#holds())) return false;
    this.#ready.resolve();
    await this.#advance();
    await this.#takeAgain();
    const room = this.#inFlightMax - this.#inFlight;
    if (room <= 0 || this.#read === undefined) return false;
    const from = this.#read;
    const messages = await this.#database.read(everyTenant, (db) => messagesAfter(db, this.#consumer.exchange, from, room));
    for (const message of messages) this.#take(message);
    this.#read = messages.at(-1)?.position ?? from;
    return messages.length === room && this.#inFlight < this.#inFlightMax;
  }

  async #holds(): Promise<boolean> {
    if (this.#read !== undefined && performance.now() - this.#claimedAt < this.#lease.renewEveryMs) return true;
    const claimedAt = performance.now();
    const place = await this.#lease.claim();
    if (place === undefined) this.#read = undefined;
    else if (this.#read === undefined) {
      this.#read = place;
      this.#progress = new Progress<Position>();
    }
    this.#claimedAt = claimedAt;
    return place !== undefined;
  }

  #take({ position, topic, body }: StoredMessage): void {
    const settled = this.#progress.take(position);
    if (!this.#wanted(topic)) {
      settled();
      return;
    }
    this.#inFlight += 1;
    const done = () => {};
    void this.#work
      .take({
        message: () => ({ body }),
        address: topic,
        belongs: (of) => of === topic,
        returned: 0,
        done,
        release: done,
        putAside: (letter) => this.#putAside(letter),
      })
      .then((isSettled) => {
        this.#inFlight -= 1;
        if (isSettled) settled();
        this.wake();
      });
  }

  /** Hands over what was put aside and is to be tried again. Nothing holds back the place for it: its row stays until it is handled. */
  async #takeAgain(): Promise<void> {
    const room = this.#inFlightMax - this.#inFlight;
    if (room <= 0) return;
    const { name } = this.#consumer;
    for (const { id, topic, body } of await this.#database.read(everyTenant, (db) => redriven(db, name, room))) {
      if (this.#again.has(id)) continue;
      this.#again.add(id);
      this.#inFlight += 1;
      const done = async () => void (await this.#database.transact(everyTenant, (tx) => forgetDeadLetter(tx, name, id, true)));
      const delivery = {
        message: () => ({ body }),
        address: topic,
        belongs: this.#wanted,
        returned: 0,
        done,
        release: () => {},
        putAside: (letter: Parameters<typeof insertDeadLetter>[2]) => this.#putAside({ ...letter, id }),
      };
      void this.#work.take(delivery).then(() => {
        this.#inFlight -= 1;
        this.#again.delete(id);
        this.wake();
      });
    }
  }

  #putAside(letter: Parameters<typeof insertDeadLetter>[2]): Promise<void> {
    return this.#database.transact(everyTenant, (tx) => insertDeadLetter(tx, this.#consumer.name, letter));
  }

  async #advance(): Promise<void> {
    if (this.#stage === "abandoned") return;
    const position = this.#progress.advance();
    if (position === undefined) return;
    if (!(await this.#lease.move(position))) throw new Unavailable("the consumer's place", new Error("another process holds it"));
  }
}
