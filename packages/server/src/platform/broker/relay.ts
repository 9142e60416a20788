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
/** The row of `relays` with its position. */
export const relayName = "events";

/** How often the relay polls for events of other processes. */
const lookEveryMs = 500;
/** Events per batch, which are confirmed together: enough to hide the network latency, a few hundred kilobytes. */
const batchDefault = 500;

export interface RelayDependencies {
  readonly database: Database;
  readonly broker: Broker;
  /** `source` of the events: the installation's public address. */
  readonly source: string;
  /** Whether events of a type are published. */
  readonly leaves: (type: string) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly exchange?: string;
  readonly batch?: number;
  readonly leaseSeconds?: number;
  readonly firstPauseMs?: number;
}

/**
 * Publishes the log to the broker in order, at least once (decision 0022). One process at a time does so, under a lease.
 * Its position advances after the broker's confirmation. Nothing is published inside a transaction: one that waited for a
 * broker would hold back the log's horizon for all readers.
 */
export class Relay {
  readonly #dependencies: RelayDependencies;
  readonly #logger: Logger;
  readonly #lease: Lease;
  readonly #rejected: RejectedEvents;
  readonly #life: ConsumerLifecycle;
  #position: Position | undefined;
  #heldUntil = 0;
  #isKnown = false;
  #isPrepared = false;

  constructor(dependencies: RelayDependencies) {
    this.#dependencies = dependencies;
    this.#logger = dependencies.logger.child({ module: "relay" });
    this.#lease = new Lease(dependencies.database, "relays", relayName, dependencies.leaseSeconds);
    this.#rejected = new RejectedEvents(dependencies.database, this.#logger);
    const { retries } = policies["broker.publish"];
    this.#life = new ConsumerLifecycle({
      run: () => this.#publishNext(),
      everyMs: lookEveryMs,
      retry: { ...retries, firstPauseMs: dependencies.firstPauseMs ?? retries.firstPauseMs },
      heartbeat: { everyMs: this.#lease.renewEveryMs, beat: () => this.#claim().catch(() => {}) },
      onFailure: (error) => {
        dependencies.metrics.relayFailures.inc();
        this.#logger.warn({ err: error }, "events could not be published; they wait in the log");
      },
    });
  }

  start(): void {
    this.#life.start();
  }

  /** Makes the relay read the log at once. */
  wake(): void {
    this.#life.wake();
  }

  /** Reads its position again: the one in memory may be of transactions that the database has lost. */
  restart(): void {
    this.#position = undefined;
  }

  /** Waits for the confirmation of the current batch, and releases the lease. */
  async close(): Promise<void> {
    const closing = this.#life.close();
    if (closing === undefined) return;
    await closing.loopEnded;
    await this.#lease.release().catch((error) => this.#logger.debug({ err: error }, "the relay's lease could not be released"));
    this.#dependencies.metrics.relayLeader.set(0);
  }

  /** Stops at once without releasing the lease, like a process that dies. */
  abandon(): void {
    this.#life.abandon();
  }

  /** Runs once. After a failure, an append does not cause an earlier retry. */
  async #publishNext(): Promise<boolean> {
    if (this.#position === undefined || !this.#holds) await this.#claim();
    if (this.#holds && !this.#isPrepared) await this.#prepare();
    if (this.#holds) await this.#drain();
    if (this.#holds) await this.#rejected.redrive((events) => this.#send(events));
    return false;
  }

  /** Runs before the first event, so that a refusal is known at the start. */
  async #prepare(): Promise<void> {
    const { broker, exchange = ownExchange } = this.#dependencies;
    await broker.prepare(exchange);
    this.#isPrepared = true;
  }

  get #holds(): boolean {
    return this.#position !== undefined && performance.now() < this.#heldUntil;
  }

  async #claim(): Promise<void> {
    if (!this.#life.isRunning) return;
    if (!this.#isKnown) await this.#begin();
    const claimedAt = performance.now();
    const position = await this.#lease.claim();
    // While this process holds the lease, its own position may be ahead of the row's.
    if (position === undefined) this.#position = undefined;
    else this.#position ??= position;
    this.#heldUntil = position === undefined ? 0 : claimedAt + this.#lease.renewEveryMs * 3;
    this.#dependencies.metrics.relayLeader.set(position === undefined ? 0 : 1);
  }

  /** Registers as a reader of the log first, so that no event is removed before it was published. */
  async #begin(): Promise<void> {
    await this.#dependencies.database.transact(everyTenant, async (tx) => {
      const removed = await beginReading(tx);
      const { numAffectedRows } = await sql`insert into relays (name) values (${relayName}) on conflict do nothing`.execute(tx);
      if (removed > 0 && numAffectedRows === 1n)
        this.#logger.info({ removed }, "the relay begins at the oldest event that the log still has");
    });
    this.#isKnown = true;
  }

  /** Publishes all waiting events; the next batch is read while one is being published. */
  async #drain(): Promise<void> {
    let batch = await this.#read(this.#position as Position);
    while (batch.length > 0 && this.#life.isRunning && this.#holds) {
      const end = (batch.at(-1) as LoggedEvent).position;
      const following = this.#read(end);
      following.catch(() => {});
      await this.#publish(batch);
      if (this.#life.isAbandoned) return;
      if (!(await this.#lease.move(end))) {
        this.#position = undefined;
        return;
      }
      this.#position = end;
      this.#heldUntil = performance.now() + this.#lease.renewEveryMs * 2;
      batch = await following;
    }
  }

  #read(after: Position): Promise<readonly LoggedEvent[]> {
    return this.#dependencies.database.read(everyTenant, (db) => readAfter(db, after, { limit: this.#dependencies.batch ?? batchDefault }));
  }

  async #publish(batch: readonly LoggedEvent[]): Promise<void> {
    await this.#rejected.publish(
      batch.filter((event) => this.#dependencies.leaves(event.type)),
      (events) => this.#send(events),
    );
  }

  async #send(events: readonly LoggedEvent[]): Promise<void> {
    const { broker, exchange = ownExchange, metrics, source } = this.#dependencies;
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
