import type { Logger } from "pino";
import { type Database, everyTenant } from "../database/database.ts";
import { Unavailable } from "../database/driver-errors.ts";
import type { Position } from "../log/event.ts";
import type { BrokerConsumer } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { ConsumerLifecycle } from "./consumer-lifecycle.ts";
import { deleteDeadLetter, insertDeadLetter, messagesAfter, redriven, type StoredMessage } from "./database-broker-store.ts";
import { defaultRetry, inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import { Lease } from "./lease.ts";
import { Progress } from "./progress.ts";
import { topicMatcher } from "./topics.ts";

/** How often a consumer polls for messages of other processes. */
const lookEveryMs = 500;

export interface DatabaseConsumerOptions {
  readonly retry?: RetryPolicy;
  readonly leaseSeconds?: number;
}

/** Delivers the messages of one consumer in commit order, while this process holds the lease. */
export class DatabaseConsumer {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #consumer: BrokerConsumer;
  readonly #wanted: (topic: string) => boolean;
  readonly #work: KeyedWork;
  readonly #lease: Lease;
  readonly #inFlightMax: number;
  readonly #life: ConsumerLifecycle;
  /** Ids of redriven dead letters that are being handled. */
  readonly #redriving = new Set<string>();
  #progress = new Progress<Position>();
  #inFlight = 0;
  /** Where reading continues; undefined while another process holds the lease. */
  #read: Position | undefined;
  #claimedAt = Number.NEGATIVE_INFINITY;

  constructor(
    database: Database,
    logger: Logger,
    consumer: BrokerConsumer,
    { retry = defaultRetry, leaseSeconds }: DatabaseConsumerOptions,
  ) {
    this.#database = database;
    this.#logger = logger;
    this.#consumer = consumer;
    this.#wanted = topicMatcher(consumer.topics);
    this.#work = new KeyedWork(consumer, retry, logger);
    this.#lease = new Lease(database, "broker_consumers", consumer.name, leaseSeconds);
    this.#inFlightMax = consumer.inFlightMax ?? inFlightDefault;
    this.#life = new ConsumerLifecycle({
      run: () => this.#takeNext(),
      everyMs: Math.min(lookEveryMs, this.#lease.renewEveryMs),
      retry: { firstPauseMs: lookEveryMs, longestPauseMs: lookEveryMs },
      onFailure: (error) => {
        this.#read = undefined;
        logger.warn({ err: error, consumer: consumer.name }, "messages could not be read");
      },
    });
  }

  get ready(): Promise<void> {
    return this.#life.ready;
  }

  start(): void {
    this.#life.start();
  }

  wake(): void {
    this.#life.wake();
  }

  /** Reads its position again: the one in memory may be of transactions that the database has lost. */
  restart(): void {
    this.#read = undefined;
  }

  async close(): Promise<void> {
    const closing = this.#life.close();
    if (closing === undefined) return;
    await this.#work.stop();
    const left = closing.loopEnded.then(() => this.#advance()).then(() => this.#lease.release());
    left.catch((error) => this.#logger.debug({ err: error }, "a consumer's lease could not be released"));
    await closeInTime(left);
  }

  abandon(): void {
    this.#life.abandon();
    void this.#work.stop();
  }

  /** Takes messages up to the in-flight limit. True when there may be more at once. */
  async #takeNext(): Promise<boolean> {
    if (!(await this.#holds())) return false;
    this.#life.markReady();
    await this.#advance();
    await this.#takeRedriven();
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
    const position = await this.#lease.claim();
    if (position === undefined) this.#read = undefined;
    else if (this.#read === undefined) {
      this.#read = position;
      this.#progress = new Progress<Position>();
    }
    this.#claimedAt = claimedAt;
    return position !== undefined;
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
        redeliveries: 0,
        done,
        release: done,
        deadLetter: (letter) => this.#deadLetter(letter),
      })
      .then((isSettled) => {
        this.#inFlight -= 1;
        if (isSettled) settled();
        this.wake();
      });
  }

  /** Delivers redriven dead letters. They do not hold back the position: their rows stay until they are handled. */
  async #takeRedriven(): Promise<void> {
    const room = this.#inFlightMax - this.#inFlight;
    if (room <= 0) return;
    const { name } = this.#consumer;
    for (const { id, topic, body } of await this.#database.read(everyTenant, (db) => redriven(db, name, room))) {
      if (this.#redriving.has(id)) continue;
      this.#redriving.add(id);
      this.#inFlight += 1;
      const done = async () => void (await this.#database.transact(everyTenant, (tx) => deleteDeadLetter(tx, name, id, true)));
      const delivery = {
        message: () => ({ body }),
        address: topic,
        belongs: this.#wanted,
        redeliveries: 0,
        done,
        release: () => {},
        deadLetter: (letter: Parameters<typeof insertDeadLetter>[2]) => this.#deadLetter({ ...letter, id }),
      };
      void this.#work.take(delivery).then(() => {
        this.#inFlight -= 1;
        this.#redriving.delete(id);
        this.wake();
      });
    }
  }

  #deadLetter(letter: Parameters<typeof insertDeadLetter>[2]): Promise<void> {
    return this.#database.transact(everyTenant, (tx) => insertDeadLetter(tx, this.#consumer.name, letter));
  }

  async #advance(): Promise<void> {
    if (this.#life.isAbandoned) return;
    const position = this.#progress.advance();
    if (position === undefined) return;
    if (!(await this.#lease.move(position))) throw new Unavailable("the consumer's lease", new Error("another process holds it"));
  }
}
