import { sql } from "kysely";
import type { Logger } from "pino";
import { type Database, everyTenant, type ReadHandle } from "../database/database.ts";
import { firstRow, rowsOf } from "../database/rows.ts";
import { beginning, type LoggedEvent, type Position } from "../log/event.ts";
import { lagBehind } from "../log/lag.ts";
import { readAfter } from "../log/log.ts";
import { beginReading, type LogReader, type ReaderPosition } from "../log/retention.ts";
import { policies } from "../resilience/policies.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Broker } from "./broker.ts";
import { toCloudEvent } from "./cloud-event.ts";
import { ConsumerLifecycle } from "./consumer-lifecycle.ts";
import { Lease } from "./lease.ts";
import { RejectedEvents } from "./rejected-events.ts";

/** The exchange of the product's own events. */
export const ownExchange = "iam.events";
/** The row of `relays` that says how far it is. */
export const relayName = "events";

/** How often the relay looks by itself, for what another process appended. */
const lookEveryMs = 500;
/** Events that are published at once and confirmed together: enough to hide the way to the broker, a few hundred kilobytes. */
const batchDefault = 500;

export interface RelayDependencies {
  readonly database: Database;
  readonly broker: Broker;
  /** `source` of the events: the installation's public address. */
  readonly source: string;
  /** Whether events of a type are for the outside. */
  readonly leaves: (type: string) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly exchange?: string;
  readonly batch?: number;
  readonly leaseSeconds?: number;
  readonly firstPauseMs?: number;
}

/**
 * Publishes the log to the broker, in its order, at least once (decision 0022). One process at a time does so, under a lease.
 * Its place moves after the broker's confirmation, and nothing is published inside a transaction: one that waited for a
 * broker would hold back the log's horizon for everybody.
 */
export class Relay {
  readonly #parts: RelayDependencies;
  readonly #logger: Logger;
  readonly #lease: Lease;
  readonly #rejected: RejectedEvents;
  readonly #life: ConsumerLifecycle;
  #place: Position | undefined;
  #heldUntil = 0;
  #isKnown = false;
  #isPrepared = false;

  constructor(parts: RelayDependencies) {
    this.#parts = parts;
    this.#logger = parts.logger.child({ module: "relay" });
    this.#lease = new Lease(parts.database, "relays", relayName, parts.leaseSeconds);
    this.#rejected = new RejectedEvents(parts.database, this.#logger);
    const { retries } = policies["broker.publish"];
    this.#life = new ConsumerLifecycle({
      run: () => this.#publishNext(),
      everyMs: lookEveryMs,
      retry: { ...retries, firstPauseMs: parts.firstPauseMs ?? retries.firstPauseMs },
      heartbeat: { everyMs: this.#lease.renewEveryMs, beat: () => this.#claim().catch(() => {}) },
      onFailure: (error) => {
        parts.metrics.relayFailures.inc();
        this.#logger.warn({ err: error }, "events could not be published; they wait in the log");
      },
    });
  }

  start(): void {
    this.#life.start();
  }

  /** Something was appended. */
  wake(): void {
    this.#life.wake();
  }

  /** Reads its place again: the one in memory may be of transactions that the database has lost. */
  restart(): void {
    this.#place = undefined;
  }

  /** Lets the batch that is on its way be confirmed, and gives the place back. */
  async close(): Promise<void> {
    const closing = this.#life.close();
    if (closing === undefined) return;
    await closing.loopEnded;
    await this.#lease.release().catch((error) => this.#logger.debug({ err: error }, "the relay's place could not be given back"));
    this.#parts.metrics.relayLeader.set(0);
  }

  /** Stops at once and keeps the lease, as a process that dies does. */
  abandon(): void {
    this.#life.abandon();
  }

  /** After a failure nothing that is appended makes it try sooner. */
  async #publishNext(): Promise<boolean> {
    if (this.#place === undefined || !this.#holds) await this.#claim();
    if (this.#holds && !this.#isPrepared) await this.#prepare();
    if (this.#holds) await this.#drain();
    if (this.#holds) await this.#rejected.redrive((events) => this.#send(events));
    return false;
  }

  /** Before there is anything to publish, so that a broker that refuses is known at the start. */
  async #prepare(): Promise<void> {
    const { broker, exchange = ownExchange } = this.#parts;
    await broker.prepare(exchange);
    this.#isPrepared = true;
  }

  get #holds(): boolean {
    return this.#place !== undefined && performance.now() < this.#heldUntil;
  }

  async #claim(): Promise<void> {
    if (!this.#life.isRunning) return;
    if (!this.#isKnown) await this.#begin();
    const askedAt = performance.now();
    const place = await this.#lease.claim();
    // A place that is held already is moved by this process alone, and what the row says may be behind it.
    if (place === undefined) this.#place = undefined;
    else this.#place ??= place;
    this.#heldUntil = place === undefined ? 0 : askedAt + this.#lease.renewEveryMs * 3;
    this.#parts.metrics.relayLeader.set(place === undefined ? 0 : 1);
  }

  /** Takes its place among the log's readers before anything else, so that nothing is removed before it has published it. */
  async #begin(): Promise<void> {
    await this.#parts.database.transact(everyTenant, async (tx) => {
      const removed = await beginReading(tx);
      const { numAffectedRows } = await sql`insert into relays (name) values (${relayName}) on conflict do nothing`.execute(tx);
      if (removed > 0 && numAffectedRows === 1n) this.#logger.info({ removed }, "the relay begins with what the log still has");
    });
    this.#isKnown = true;
  }

  /** Publishes what there is; the next batch is read while one is on its way. */
  async #drain(): Promise<void> {
    let batch = await this.#read(this.#place as Position);
    while (batch.length > 0 && this.#life.isRunning && this.#holds) {
      const end = (batch.at(-1) as LoggedEvent).position;
      const following = this.#read(end);
      following.catch(() => {});
      await this.#publish(batch);
      if (this.#life.isAbandoned) return;
      if (!(await this.#lease.move(end))) {
        this.#place = undefined;
        return;
      }
      this.#place = end;
      this.#heldUntil = performance.now() + this.#lease.renewEveryMs * 2;
      batch = await following;
    }
  }

  #read(after: Position): Promise<readonly LoggedEvent[]> {
    return this.#parts.database.read(everyTenant, (db) => readAfter(db, after, { limit: this.#parts.batch ?? batchDefault }));
  }

  async #publish(batch: readonly LoggedEvent[]): Promise<void> {
    await this.#rejected.publish(
      batch.filter((event) => this.#parts.leaves(event.type)),
      (events) => this.#send(events),
    );
  }

  async #send(events: readonly LoggedEvent[]): Promise<void> {
    const { broker, exchange = ownExchange, metrics, source } = this.#parts;
    await broker.publish(events.map((event) => ({ exchange, event: toCloudEvent(event, source) })));
    metrics.relayPublished.inc(events.length);
  }
}

/** The relay's position in the log. If a relay is `expected` and none has begun, no event is removed. */
export const relayOfLog = (expected: boolean): LogReader => ({
  async positions(db) {
    const rows = await rowsOf(db, sql<ReaderPosition>`select 'relay' as name, transaction::text, sequence::text from relays`);
    return rows.length === 0 && expected ? [{ name: "relay", ...beginning }] : rows;
  },
});

/** Beyond this number, an exact count of waiting events is of no use. */
const countedMax = 100_000;

export interface RelayStatus {
  readonly holder: string | null;
  /** Whether the holder has a valid lease. */
  readonly held: boolean;
  /** ISO 8601, UTC; null before the first event was published. */
  readonly movedAt: string | null;
  /** Events of the log that were not published yet, counted up to 100,000. */
  readonly lagEvents: number;
  /** The age of the oldest of them; 0 if none waits. */
  readonly lagSeconds: number;
}

/** The relay's progress; undefined if no relay has ever run. */
export async function relayStatus(db: ReadHandle): Promise<RelayStatus | undefined> {
  const row = await firstRow(
    db,
    sql<Position & { holder: string | null; held: boolean; moved_at: Date | null }>`
      select holder, coalesce(lease_until > now(), false) as held, moved_at, transaction::text, sequence::text
      from relays where name = ${relayName}`,
  );
  if (row === undefined) return undefined;
  const { events, seconds } = await lagBehind(db, row, { rowsMax: countedMax });
  return { holder: row.holder, held: row.held, movedAt: row.moved_at?.toISOString() ?? null, lagEvents: events, lagSeconds: seconds };
}
