import { sql } from "kysely";
import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { isTransient, isUnavailable } from "../database/faults.ts";
import { anyOf } from "../database/many-rows.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { failureText } from "../failure-text.ts";
import { beginning, type LoggedEvent, type Position } from "../log/event.ts";
import { readAfter, readSince, readTail } from "../log/log.ts";
import { beginReading, type LogReader, type ReaderPlace } from "../log/retention.ts";
import type { TailCursor } from "../log/tail-cursor.ts";
import { pauseUntil } from "../waiting.ts";
import type { Bus, Consumer, Subscription } from "./bus.ts";
import { busDeadLetterSteps, busDeadLetters, failedAnew, takeRedriven } from "./dead-letters.ts";

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
  ...busDeadLetterSteps,
];

/** The consumers' places in the log, and the events that they have put aside. */
export const consumersOfLog: LogReader = {
  places: async (db) => (await sql<ReaderPlace>`select name, transaction::text, sequence::text from consumers`.execute(db as never)).rows,
  needs: sql`exists (select from dead_letters d where d.event_id = e.id)`,
};

/** How often a consumer looks by itself, for what another process appended. */
const lookEveryMs = 500;
/** Tries of one event before it is put aside; the pauses between them double from the first. */
const attemptsMax = 6;
const firstPauseMsDefault = 50;
const pauseDoublingsMax = 6;
/** How often `idle` asks whether what others hold up (an open transaction, another process at work) is done. */
const idleLookMs = 25;
/**
 * A consumer whose place lies further behind the horizon than this many transactions is moved up to it where there is
 * nothing for it in between, so that it does not search the same stretch of the log at every look; an eager one first
 * goes through such a stretch in order, in batches.
 */
const distanceMax = 1_000n;
/** So is one that has not moved for so long: the log keeps what a consumer has not passed, also where it is nothing for it. */
const restMinutes = 10;
const catchUpBatch = 200;

/**
 * The embedded bus: a consumer is a cursor over the log. Progress is a row that is locked while a batch is handled, so
 * of several processes one works at a time, and effects and progress are committed together.
 */
export function inProcessBus(database: Database, logger: Logger, options: { readonly firstPauseMs?: number } = {}): Bus {
  const running = new Set<ConsumerLoop>();
  return {
    async consume(consumer) {
      const loop = new ConsumerLoop(database, logger, consumer, options.firstPauseMs ?? firstPauseMsDefault);
      running.add(loop);
      await loop.start();
      return {
        idle: () => loop.idle(),
        close: async () => {
          running.delete(loop);
          await loop.close();
        },
      } satisfies Subscription;
    },
    wake() {
      for (const loop of running) loop.wake();
    },
    restart() {
      for (const loop of running) loop.restart();
    },
    deadLetters: (consumer) =>
      busDeadLetters(database, consumer, () => {
        for (const loop of running) loop.wake();
      }),
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
  readonly #firstPauseMs: number;
  /** What an eager consumer has handled beyond its place; undefined where it has to begin at its place. */
  #cursor: TailCursor | undefined;
  /** Events beyond the cursor that it has handled one by one, after a failure. */
  readonly #ahead = new Set<string>();
  /** Failures of the next event, one after the other. */
  #failures = 0;
  /** Pauses since the last success. */
  #pauses = 0;
  /** True while another process holds this consumer's place. */
  #heldElsewhere = false;
  /** True when a dead letter is to be handled again. */
  #again = false;
  #closed = false;
  readonly #closing = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, logger: Logger, consumer: Consumer, firstPauseMs: number) {
    this.#database = database;
    this.#logger = logger;
    this.#consumer = consumer;
    this.#firstPauseMs = firstPauseMs;
  }

  readonly #drain: () => Promise<void> = coalesced(async () => {
    while (!this.#closed && ((await this.#step()) || (await this.#stepAgain()))) {
      // Each step handles one batch; the loop ends with the first that finds nothing.
    }
  });

  async start(): Promise<void> {
    await this.#database.transact(everyTenant, async (tx) => {
      const { rows } = await sql`select from consumers where name = ${this.#consumer.name}`.execute(tx);
      if (rows.length > 0) return;
      const removed = await beginReading(tx);
      if (removed > 0) this.#logger.info({ consumer: this.#consumer.name, removed }, "a new consumer begins with what the log still has");
      await sql`insert into consumers (name, transaction, sequence, moved_at)
        values (${this.#consumer.name}, ${beginning.transaction}::xid8, ${beginning.sequence}::bigint, now())
        on conflict do nothing`.execute(tx);
    });
    this.#look();
  }

  wake(): void {
    this.#drain().catch((error) => this.#logger.error({ err: error, consumer: this.#consumer.name }, "a consumer stopped"));
  }

  restart(): void {
    this.#cursor = undefined;
    this.#ahead.clear();
  }

  async idle(): Promise<void> {
    const newest = await this.#newestOfLog();
    for (;;) {
      await this.#drain();
      if (this.#closed || (await this.#hasHandled(newest))) return;
      await pauseUntil(idleLookMs, this.#closing.promise);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#closing.resolve();
    await this.#drain().catch(() => {});
  }

  #look(): void {
    if (this.#closed) return;
    this.wake();
    this.#timer = setTimeout(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Handles one batch. True when there may be more. */
  async #step(): Promise<boolean> {
    let handled: Next = nothing;
    try {
      const more = await this.#database.transact(everyTenant, async (tx) => {
        const place = await this.#lockPlace(tx);
        this.#heldElsewhere = place === undefined;
        this.#again = place?.again ?? false;
        if (place === undefined) return false;
        const next = await this.#next(tx, place);
        if (next.events.length > 0) await this.#consumer.handle(next.events, tx);
        if (next.progress) await this.#saveProgress(tx, next.progress);
        handled = next;
        return next.more;
      });
      this.#failures = 0;
      this.#pauses = 0;
      this.#passed(handled);
      await this.#settle(handled.events);
      return more;
    } catch (error) {
      return this.#recover(error);
    }
  }

  /** Handles one dead letter that a person wants handled again. True when there may be another. */
  async #stepAgain(): Promise<boolean> {
    if (!this.#again) return false;
    let event: LoggedEvent | undefined;
    try {
      event = await this.#database.transact(everyTenant, async (tx) => {
        if ((await this.#lockPlace(tx)) === undefined) return undefined;
        const taken = await takeRedriven(tx, this.#consumer.name);
        if (taken) await this.#consumer.handle([taken], tx);
        return taken;
      });
    } catch (error) {
      this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a dead letter could not be handled");
      if (isUnavailable(error) || isTransient(error)) return false;
      const failure = failureText(error);
      await this.#database.transact(everyTenant, (tx) => failedAnew(tx, this.#consumer.name, failure));
      return !this.#closed;
    }
    if (event) await this.#settle([event]);
    return event !== undefined;
  }

  /** Remembers what an eager consumer has handled, once that is committed. */
  #passed({ events, cursor }: Next): void {
    if (!this.#consumer.eager) return;
    if (cursor) {
      this.#cursor = cursor;
      this.#ahead.clear();
    } else for (const event of events) this.#ahead.add(event.id);
  }

  async #settle(handled: readonly LoggedEvent[]): Promise<void> {
    if (handled.length === 0) return;
    try {
      await this.#consumer.committed?.(handled);
    } catch (error) {
      // The events are handled and committed: to hand them over again would help nobody.
      this.#logger.error({ err: error, consumer: this.#consumer.name }, "a consumer failed after its commit");
    }
  }

  /** The consumer's place, locked until the transaction ends; undefined while another process works. */
  async #lockPlace(tx: WriteHandle): Promise<Place | undefined> {
    // The horizon is read before the events are: whatever lies below it is visible to the statement that reads them.
    const { rows } = await sql<Place>`
      select transaction::text, sequence::text, pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
        exists (select from dead_letters where consumer = consumers.name and again) as again,
        moved_at < now() - make_interval(mins => ${restMinutes}) and transaction < pg_snapshot_xmin(pg_current_snapshot()) as rests
      from consumers where name = ${this.#consumer.name} for update skip locked`.execute(tx);
    return rows[0];
  }

  async #saveProgress(tx: WriteHandle, at: Position): Promise<void> {
    await sql`update consumers set transaction = ${at.transaction}::xid8, sequence = ${at.sequence}::bigint, moved_at = now()
      where name = ${this.#consumer.name}`.execute(tx);
  }

  #next(tx: WriteHandle, place: Place): Promise<Next> {
    const { eager } = this.#consumer;
    // A cursor below the place is of before another process went on from there.
    if (this.#cursor && BigInt(this.#cursor.from) < BigInt(place.transaction)) this.#cursor = undefined;
    return eager && (this.#cursor || !isFarBehind(place)) ? this.#nextEager(tx, place) : this.#nextInOrder(tx, place);
  }

  async #nextInOrder(tx: WriteHandle, place: Place): Promise<Next> {
    // After a failure one event at a time, so that a poisoned one is found and the others pass.
    const limit = this.#failures > 0 ? 1 : (this.#consumer.batch ?? (this.#consumer.eager ? catchUpBatch : 1));
    const events = await readAfter(tx, place, { limit, types: this.#consumer.types });
    const last = events.at(-1)?.position;
    const progress = last ?? (isFarBehind(place) || place.rests ? { transaction: place.horizon, sequence: "0" } : undefined);
    return { events: events.filter((event) => !this.#ahead.has(event.id)), progress, more: last !== undefined };
  }

  /** What committed since this process's last look: a transaction that stays open costs nothing but its own later events. */
  async #nextEager(tx: WriteHandle, place: Place): Promise<Next> {
    const { types } = this.#consumer;
    let tail = this.#cursor && (await readSince(tx, this.#cursor, types));
    if (this.#cursor && tail === undefined) {
      // With its last transactions another server may have lost what was made of the events beyond the place: they are handled again.
      this.#cursor = undefined;
      this.#ahead.clear();
    }
    tail ??= await readTail(tx, place.transaction, types);
    const fresh = tail.events.filter((event) => !this.#ahead.has(event.id) && isAfter(event.position, place));
    const events = fresh.slice(0, this.#failures > 0 ? 1 : (this.#consumer.batch ?? fresh.length));
    const cursor = events.length === fresh.length ? tail.cursor : undefined;
    // Not at every look at which nothing is new: each is a write.
    const moves = cursor && (fresh.length > 0 || place.rests || isFarBehind(place)) && tail.horizon !== place.transaction;
    return { events, cursor, progress: moves ? { transaction: tail.horizon, sequence: "0" } : undefined, more: events.length > 0 };
  }

  async #recover(error: unknown): Promise<boolean> {
    // A dependency that is away, or another transaction in the way, is no fault of the event: it waits as long as that takes.
    if (!isUnavailable(error) && !isTransient(error)) this.#failures += 1;
    this.#pauses += 1;
    this.#logger.warn({ err: error, consumer: this.#consumer.name, attempt: this.#failures }, "an event could not be handled");
    if (this.#failures >= attemptsMax && (await this.#putAside(error))) return true;
    await pauseUntil(this.#firstPauseMs * 2 ** Math.min(this.#pauses - 1, pauseDoublingsMax), this.#closing.promise);
    return !this.#closed;
  }

  /** Records the next event as a dead letter and goes past it. False when the database does not let it. */
  async #putAside(error: unknown): Promise<boolean> {
    try {
      const poisoned = await this.#database.transact(everyTenant, async (tx) => {
        const place = await this.#lockPlace(tx);
        if (place === undefined) return nothing;
        const next = await this.#next(tx, place);
        const event = next.events[0];
        if (event) {
          const failure = failureText(error);
          await sql`insert into dead_letters (consumer, event_id, attempts, failure, failed_at)
            values (${this.#consumer.name}, ${event.id}, ${attemptsMax}, ${failure}, now()) on conflict do nothing`.execute(tx);
        }
        if (next.progress) await this.#saveProgress(tx, next.progress);
        return next;
      });
      this.#passed(poisoned);
      for (const event of poisoned.events) {
        this.#logger.error({ err: error, consumer: this.#consumer.name, eventId: event.id }, "an event was put aside as a dead letter");
      }
      this.#failures = 0;
      this.#pauses = 0;
      return true;
    } catch (failure) {
      this.#logger.warn({ err: failure, consumer: this.#consumer.name }, "an event could not be put aside");
      return false;
    }
  }

  /** The newest event for this consumer that is committed, also beyond the horizon. */
  async #newestOfLog(): Promise<Position> {
    return this.#database.read(everyTenant, async (db) => {
      const { rows } = await sql<Position>`
        select transaction::text, sequence::text from events where type = ${anyOf(this.#consumer.types, "text")}
        order by events.transaction desc, events.sequence desc limit 1`.execute(db as never);
      return rows[0] ?? beginning;
    });
  }

  async #hasHandled(newest: Position): Promise<boolean> {
    // An eager consumer has handled whatever it could see, unless another process did so in its place.
    if (this.#consumer.eager) return !this.#heldElsewhere;
    return this.#database.read(everyTenant, async (db) => {
      const { rows } = await sql<Position>`
        select transaction::text, sequence::text from consumers where name = ${this.#consumer.name}`.execute(db as never);
      return rows[0] !== undefined && !isAfter(newest, rows[0]);
    });
  }
}

interface Place extends Position {
  /** The horizon when the place was locked. */
  readonly horizon: string;
  readonly again: boolean;
  /** Whether it has not moved for long, and could. */
  readonly rests: boolean;
}

interface Next {
  readonly events: readonly LoggedEvent[];
  readonly progress: Position | undefined;
  /** Of an eager consumer that has handled with these all that it has read. */
  readonly cursor?: TailCursor | undefined;
  /** Whether there may be more behind these. */
  readonly more: boolean;
}

const nothing: Next = { events: [], progress: undefined, more: false };

const isFarBehind = (place: Place): boolean => BigInt(place.horizon) - BigInt(place.transaction) > distanceMax;

const isAfter = (left: Position, right: Position): boolean =>
  BigInt(left.transaction) > BigInt(right.transaction) ||
  (left.transaction === right.transaction && BigInt(left.sequence) > BigInt(right.sequence));
