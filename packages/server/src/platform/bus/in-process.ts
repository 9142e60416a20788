import { sql } from "kysely";
import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { beginning, type LoggedEvent, type Position } from "../log/event.ts";
import { readAfter, readTail } from "../log/log.ts";
import type { Bus, Consumer, Subscription } from "./bus.ts";

export const busSteps: readonly SchemaStep[] = [
  {
    name: "0002_bus_consumers",
    why: "how far each consumer has come, and the events that it could not handle",
    async up(db) {
      await sql`create table consumers (
        name text primary key,
        transaction xid8 not null,
        sequence bigint not null,
        moved_at timestamptz not null
      )`.execute(db);
      await sharedTable(db, "consumers");
      await sql`create table dead_letters (
        consumer text not null references consumers (name),
        event_id uuid not null references events (id),
        attempts integer not null,
        failure text not null,
        failed_at timestamptz not null,
        primary key (consumer, event_id)
      )`.execute(db);
      await sharedTable(db, "dead_letters");
    },
  },
];

/** How often a consumer looks by itself, for what another process appended. */
const lookEveryMs = 500;
/** Tries of one event before it is put aside; the pauses between them double from the first. */
const attemptsMax = 6;
const firstPauseMs = 50;

/**
 * The embedded bus: a consumer is a cursor over the log. Progress is a row that is locked while a batch is handled, so
 * of several processes one works at a time, and effects and progress are committed together.
 */
export function inProcessBus(database: Database, logger: Logger): Bus {
  const running = new Set<ConsumerLoop>();
  return {
    async consume(consumer) {
      const loop = new ConsumerLoop(database, logger, consumer);
      running.add(loop);
      await loop.start();
      return {
        idle: () => loop.drain(),
        close: async () => {
          running.delete(loop);
          await loop.close();
        },
      } satisfies Subscription;
    },
    wake() {
      for (const loop of running) loop.wake();
    },
    ping: () => database.ping(),
    async close() {
      await Promise.all([...running].map((loop) => loop.close()));
      running.clear();
    },
  };
}

class ConsumerLoop {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #consumer: Consumer;
  /** Events beyond the horizon that an eager consumer has handled already. */
  readonly #ahead = new Map<string, string>();
  #failures = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, logger: Logger, consumer: Consumer) {
    this.#database = database;
    this.#logger = logger;
    this.#consumer = consumer;
  }

  readonly drain: () => Promise<void> = coalesced(async () => {
    while (!this.#closed && (await this.#step())) {
      // Each step handles one batch; the loop ends with the first that finds nothing.
    }
  });

  async start(): Promise<void> {
    await this.#database.transact(everyTenant, async (tx) => {
      await sql`insert into consumers (name, transaction, sequence, moved_at)
        values (${this.#consumer.name}, ${beginning.transaction}::xid8, ${beginning.sequence}::bigint, now())
        on conflict do nothing`.execute(tx);
    });
    this.#look();
  }

  wake(): void {
    this.drain().catch((error) => this.#logger.error({ err: error, consumer: this.#consumer.name }, "a consumer stopped"));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.drain().catch(() => {});
  }

  #look(): void {
    if (this.#closed) return;
    this.wake();
    this.#timer = setTimeout(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Handles one batch. True when there may be more. */
  async #step(): Promise<boolean> {
    let handled: readonly LoggedEvent[] = [];
    try {
      const more = await this.#database.transact(everyTenant, async (tx) => {
        const from = await this.#lockProgress(tx);
        if (from === undefined) return false;
        const next = this.#consumer.eager ? await this.#nextEager(tx, from) : await this.#nextInOrder(tx, from);
        if (next.events.length > 0) await this.#consumer.handle(next.events, tx);
        if (next.progress) await this.#saveProgress(tx, next.progress);
        handled = next.events;
        return next.events.length > 0;
      });
      this.#failures = 0;
      for (const event of handled) {
        if (this.#consumer.eager) this.#ahead.set(event.id, event.position.transaction);
      }
      if (handled.length > 0) this.#consumer.committed?.(handled);
      return more;
    } catch (error) {
      return this.#recover(error);
    }
  }

  /** The consumer's place, locked until the transaction ends; undefined while another process works. */
  async #lockProgress(tx: WriteHandle): Promise<Position | undefined> {
    const { rows } = await sql<Position>`
      select transaction::text, sequence::text from consumers where name = ${this.#consumer.name}
      for update skip locked`.execute(tx);
    return rows[0];
  }

  async #saveProgress(tx: WriteHandle, at: Position): Promise<void> {
    await sql`update consumers set transaction = ${at.transaction}::xid8, sequence = ${at.sequence}::bigint, moved_at = now()
      where name = ${this.#consumer.name}`.execute(tx);
  }

  async #nextInOrder(tx: WriteHandle, from: Position): Promise<Next> {
    // After a failure one event at a time, so that a poisoned one is found and the others pass.
    const limit = this.#failures > 0 ? 1 : (this.#consumer.batch ?? 1);
    const events = await readAfter(tx, from, { limit, types: this.#consumer.types });
    return { events, progress: events.at(-1)?.position };
  }

  async #nextEager(tx: WriteHandle, from: Position): Promise<Next> {
    const tail = await readTail(tx, from.transaction, this.#consumer.types);
    for (const [id, transaction] of this.#ahead) {
      if (BigInt(transaction) < BigInt(tail.horizon) && !tail.events.some((event) => event.id === id)) this.#ahead.delete(id);
    }
    const fresh = tail.events.filter((event) => !this.#ahead.has(event.id));
    const moved = fresh.length > 0 && tail.horizon !== from.transaction;
    return { events: fresh, progress: moved ? { transaction: tail.horizon, sequence: "0" } : undefined };
  }

  async #recover(error: unknown): Promise<boolean> {
    this.#failures += 1;
    this.#logger.warn({ err: error, consumer: this.#consumer.name, attempt: this.#failures }, "an event could not be handled");
    if (this.#failures >= attemptsMax && !this.#consumer.eager) {
      await this.#putAside(error);
      this.#failures = 0;
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** Math.min(this.#failures - 1, 6)));
    return !this.#closed;
  }

  /** Records the next event as a dead letter and goes past it. */
  async #putAside(error: unknown): Promise<void> {
    await this.#database.transact(everyTenant, async (tx) => {
      const from = await this.#lockProgress(tx);
      if (from === undefined) return;
      const { events } = await this.#nextInOrder(tx, from);
      const poisoned = events[0];
      if (!poisoned) return;
      const failure = error instanceof Error ? error.message : String(error);
      await sql`insert into dead_letters (consumer, event_id, attempts, failure, failed_at)
        values (${this.#consumer.name}, ${poisoned.id}, ${attemptsMax}, ${failure}, now()) on conflict do nothing`.execute(tx);
      await this.#saveProgress(tx, poisoned.position);
    });
  }
}

interface Next {
  readonly events: readonly LoggedEvent[];
  readonly progress: Position | undefined;
}
