import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import { type Database, everyTenant, type Lineage, type ReplicaNeed } from "../database/database.ts";
import { lineageReader, textOfLineage } from "../database/lineage.ts";
import { Unavailable } from "../unavailable.ts";
import { type AwayRules, detectOutage } from "./database-away.ts";
import type { LoggedEvent, NewEvent, Revision } from "./event.ts";
import { eventOfMessage, InvalidationMessages, type RevokingEvents } from "./invalidation-messages.ts";

export type { RevokingEvents } from "./invalidation-messages.ts";

import { readSince, readTail } from "./log.ts";
import { ReplicaNeeds } from "./replica-need.ts";
import { cursorAt, isRead, type TailCursor } from "./tail-cursor.ts";

type Listener = (event: LoggedEvent) => void;
/** Discards at once everything that was read, and resolves when its owner may be trusted again. */
type RestartListener = () => Promise<void> | void;

/**
 * The maximum time that a revoked right remains effective in any process. A process that has not observed the log for half of it stops
 * trusting its in-process caches, so a right cannot outlive the bound even if this process is disconnected.
 */
export const revocationBoundMs = 1_000;
const leaseMs = revocationBoundMs / 2;
/** A caller gets 503 within a second; longer than the lease, because a busy database answers late. */
const observedWithinMs = 900;
/** Several heartbeats per lease, so that one lost answer does not end it. */
const heartbeatMs = 125;

/**
 * Observes the log's head and notifies this process's caches of changes. One per process.
 *
 * Events are delivered as soon as they are visible, without waiting for the horizon, because early invalidation is safe. Each
 * event is delivered once. After a process restart the caches are empty, so no event is repeated.
 */
export class LogFollower {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #listeners: Listener[] = [];
  readonly #restartListeners: RestartListener[] = [];
  readonly #readLineage = lineageReader();
  /** The lineage of the delivered events; undefined before the first read, and for embedded storage. */
  #lineage: string | undefined;
  /** True from the call of the restart listeners until all of them may be trusted again. */
  #restarting = false;
  /** What a replica must have replayed: a query returns nothing older than the state that a check is decided from. */
  readonly #replicaNeeds = new ReplicaNeeds(revocationBoundMs);
  /** Delivered events that no read has returned yet, by transaction and id: announced by this process, or received from its peers. */
  readonly #delivered = new Map<string, Set<string>>();
  #cursor = cursorAt("0");
  #revision: Revision = "0";
  #observedAt = Number.NEGATIVE_INFINITY;
  readonly #away: AwayRules | undefined;
  /** When the database was last known to be away for every process. */
  #awayAt = Number.NEGATIVE_INFINITY;
  readonly #messages: InvalidationMessages;
  /** Why the database is not treated as away; logged when it changes, not at every read. */
  #because: string | undefined;
  #failing = false;
  #isLost = false;
  readonly #lost = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat: Promise<void> | undefined;
  #stopped = false;

  /** `away`: the conditions under which caches are trusted beyond the lease while the database is away; never by default. */
  constructor(database: Database, logger: Logger, away?: AwayRules) {
    this.#database = database;
    this.#logger = logger;
    this.#away = away;
    this.#messages = new InvalidationMessages(away, revocationBoundMs);
  }

  /**
   * Calls `listener` with each event of the log, from any process, once this process can see it. It must not throw or wait. Processes send each
   * other `revoking` events outside the database, so that each knows all of them during an outage. The listener may then receive an event
   * with only the fields that it has named, and later the complete event. It receives no other events of other processes during an outage.
   */
  onEvent(listener: Listener, revoking: RevokingEvents = {}): void {
    this.#listeners.push(listener);
    this.#messages.include(revoking);
  }

  /**
   * Calls `listener` when the database may have lost transactions (decision 0035): after a failover, a restore, or with another database at the
   * same address. The listener discards everything that it has read from the database before it returns its promise. No cache is trusted
   * until all listeners have resolved; one that rejects is called again.
   */
  onRestart(listener: RestartListener): void {
    this.#restartListeners.push(listener);
  }

  /** Begins at the log's current head: caches are empty, so earlier events do not matter to them. */
  async start(): Promise<void> {
    const observedAt = performance.now();
    const { lineage, tail } = await this.#readLog(cursorAt("9223372036854775807"));
    this.#lineage = lineage && textOfLineage(lineage);
    this.#advance(cursorAt(tail.horizon));
    this.#replicaNeeds.observe(tail.horizon, observedAt, lineage);
    this.#observedAt = observedAt;
    this.#beat();
  }

  /** The lineage that this process reads: the same text for every process on the database; undefined for embedded storage. */
  get lineage(): string | undefined {
    return this.#lineage;
  }

  /** What a replica must have replayed to answer a query: at least what checks are decided from, and all writes that callers know of. */
  get replicaNeed(): ReplicaNeed {
    return this.#replicaNeeds.present;
  }

  /** What a replica without excessive lag has replayed. */
  get replicaBound(): ReplicaNeed {
    return this.#replicaNeeds.settled;
  }

  /** Requires later queries to include this write, of which a caller knows. */
  include(revision: Revision): void {
    this.#replicaNeeds.include(revision);
  }

  /**
   * Resolves when this process has not read the log for so long that events were removed which it has not observed, as after a suspension
   * of weeks. Its caches cannot learn what they should have invalidated, so they are never trusted again, and the process must end.
   */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** True while caches may be trusted. */
  get fresh(): boolean {
    return !this.#isLost && this.leaseAgeMs < leaseMs;
  }

  /** Milliseconds since caches were last known to be as current as the database. */
  get leaseAgeMs(): number {
    return performance.now() - Math.max(this.#observedAt, this.#awayAt);
  }

  /** True while caches are trusted although the log is not observed, because no process can write to it. */
  get withoutDatabase(): boolean {
    return this.fresh && this.replicationLagMs >= leaseMs;
  }

  /** Waits until caches may be trusted; false if that takes longer than a second: the database hangs or is away. */
  observed(): Promise<boolean> {
    return this.#observedWithin(observedWithinMs);
  }

  /** Like {@link catchUp}, but waits no longer than `deadline` (performance.now), because the database may hang. */
  catchUpUntil(deadline: number): Promise<void> {
    return this.#readWithin(deadline - performance.now());
  }

  /**
   * Reads what a check needs from the database while the log is observed. Throws {@link Unavailable} if the lease ends first: a
   * busy database still answers the follower, and one that hangs must not block a check for a statement's time limit.
   */
  async whileObserved<T>(read: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let isDone = false;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const watch = async (): Promise<void> => {
      // A process that was too busy to read the log reads it once more before the call fails.
      if (!this.fresh) await this.#observedWithin(observedWithinMs - leaseMs);
      if (isDone) return;
      if (this.fresh) timer = setTimeout(watch, leaseMs - this.leaseAgeMs);
      else reject(new Unavailable("database", undefined));
    };
    void watch();
    try {
      return await Promise.race([read(), ended]);
    } finally {
      isDone = true;
      clearTimeout(timer);
    }
  }

  /** Milliseconds since the log's head was last observed. */
  get replicationLagMs(): number {
    return performance.now() - this.#observedAt;
  }

  /** The newest revision up to which this process has seen everything. */
  get revision(): Revision {
    return this.#revision;
  }

  /** True when the events of `revision` have been delivered to this process's caches. */
  hasSeen(revision: Revision): boolean {
    return isRead(this.#cursor, revision) || this.#delivered.has(revision);
  }

  /** Reads the head and resolves when everything that was visible at the call has been delivered. */
  readonly catchUp: () => Promise<void> = coalesced(() => this.#read());

  /** Delivers what this process has just committed, without reading it back. */
  announce(events: readonly NewEvent[], revision: Revision, occurredAt: Date): void {
    // A commit proves that the database is available, whatever peers report.
    this.#awayAt = Number.NEGATIVE_INFINITY;
    this.#replicaNeeds.include(revision);
    // The log may have been read between the commit and this call.
    if (!isRead(this.#cursor, revision)) {
      for (const event of events)
        this.#deliver({ ...event, position: { transaction: revision, sequence: "0" }, occurredAt, traceparent: null, actor: null });
    }
    this.#messages.send();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#lastBeat;
  }

  /** Reads the log and the lineage of the server that answers, in one transaction, so that both are of one server. */
  #readLog(cursor: TailCursor) {
    return this.#database.read(everyTenant, async (db) => {
      // Embedded storage is in this process and has one history.
      const lineage = this.#database.kind === "pglite" ? undefined : await this.#readLineage(db);
      return { lineage, tail: (await readSince(db, cursor)) ?? (await readTail(db, cursor.horizon)) };
    });
  }

  #advance(cursor: TailCursor): void {
    if (cursor.horizon !== this.#cursor.horizon) this.#revision = String(BigInt(cursor.horizon) - 1n);
    this.#cursor = cursor;
    for (const transaction of this.#delivered.keys()) if (isRead(cursor, transaction)) this.#delivered.delete(transaction);
  }

  #beat(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#lastBeat = this.catchUp().finally(() => this.#beat());
    }, heartbeatMs);
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    try {
      // Dated from the query, not the answer: the answer describes the state at the time of the query.
      let observedAt = performance.now();
      let { lineage, tail } = await this.#readLog(this.#cursor);
      if (this.#mayLack(lineage, tail.horizon)) {
        await this.#restart(lineage, tail.horizon);
        observedAt = performance.now();
        ({ lineage, tail } = await this.#readLog(this.#cursor));
      }
      // A follower that has not started has observed nothing, and has nothing to invalidate.
      if (!tail.isComplete && !this.#isLost && this.#cursor.horizon !== "0") this.#lose();
      for (const event of tail.events) this.#deliver(event);
      this.#advance(tail.cursor);
      this.#replicaNeeds.observe(tail.horizon, observedAt, lineage);
      this.#observedAt = observedAt;
      if (this.#failing) this.#logger.info("the head of the log is read again");
      this.#failing = false;
      this.#because = undefined;
      this.#messages.send();
    } catch (error) {
      // Logged once, not eight times a second.
      this.#logger[this.#failing ? "debug" : "warn"]({ err: error }, "the head of the log could not be read");
      this.#failing = true;
      await this.#queryPeers();
    }
  }

  /** Whether the database may lack transactions that this process has seen. Within one history the horizon never decreases. */
  #mayLack(lineage: Lineage | undefined, horizon: string): boolean {
    if (this.#cursor.horizon === "0") return false;
    const isAnother = lineage !== undefined && textOfLineage(lineage) !== this.#lineage;
    return this.#restarting || isAnother || BigInt(horizon) < BigInt(this.#cursor.horizon);
  }

  /** Rejects if a listener does; then the next read restarts again. */
  async #restart(lineage: Lineage | undefined, horizon: string): Promise<void> {
    const before = { lineage: this.#lineage, horizon: this.#cursor.horizon };
    const text = lineage && textOfLineage(lineage);
    this.#restarting = true;
    this.#observedAt = Number.NEGATIVE_INFINITY;
    this.#awayAt = Number.NEGATIVE_INFINITY;
    this.#logger.warn(
      { before, lineage: text, horizon },
      "the database may have lost transactions that this process has seen; everything that it has read is discarded",
    );
    this.#delivered.clear();
    this.#messages.clear();
    this.#replicaNeeds.reset();
    // The listeners' next reads are followed from here.
    this.#advance(cursorAt(horizon));
    this.#lineage = text;
    await Promise.all(this.#restartListeners.map((listener) => listener()));
    this.#restarting = false;
  }

  #lose(): void {
    this.#isLost = true;
    this.#logger.fatal("the log no longer has events that this process has not observed; its caches are no longer trusted");
    this.#lost.resolve();
  }

  async #queryPeers(): Promise<void> {
    if (this.#away === undefined) return;
    // Dated from the query, as the lease is.
    const queriedAt = performance.now();
    const before = this.withoutDatabase;
    const outage = await detectOutage(this.#away, this.replicationLagMs);
    if (!outage.away) return this.#refuse(outage.because);
    const missed = outage.events.filter(
      ({ id, transaction }) => !isRead(this.#cursor, transaction) && !this.#delivered.get(transaction)?.has(id),
    );
    for (const message of missed) this.#deliver(eventOfMessage(message));
    this.#awayAt = queriedAt;
    this.#because = undefined;
    if (!before && this.withoutDatabase) this.#logger.warn("the database is away for every process; checks are answered without it");
  }

  #refuse(because: string): void {
    if (this.#because !== because) this.#logger.warn({ because }, "the log cannot be observed, and the database is not treated as away");
    this.#because = because;
  }

  async #observedWithin(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    do {
      if (this.fresh) return true;
      await this.#readWithin(deadline - performance.now());
      // A failed read ends the wait; the next heartbeat tries again.
    } while (!this.fresh && !this.#failing && performance.now() < deadline);
    return this.fresh;
  }

  async #readWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, ms));
    });
    await Promise.race([this.catchUp(), late]);
    clearTimeout(timer);
  }

  #deliver(event: LoggedEvent): void {
    const { transaction } = event.position;
    const ofTransaction = this.#delivered.get(transaction) ?? new Set();
    if (ofTransaction.has(event.id)) return;
    this.#delivered.set(transaction, ofTransaction.add(event.id));
    this.#messages.add(event);
    this.#notify(event);
  }

  #notify(event: LoggedEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // The other listeners must still receive it, and the command that announced it is committed.
        this.#logger.error({ err: error, eventType: event.type }, "a listener of the log failed");
      }
    }
  }
}
