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
import { cursorAt, isShown, type TailCursor } from "./tail-cursor.ts";

type Listener = (event: LoggedEvent) => void;
/** Discards everything that was read, at once, and resolves when its owner may be trusted again. */
type RestartListener = () => Promise<void> | void;

/**
 * How old a revoked right may be in any process. A process that has observed nothing for half of it stops trusting its
 * in-process caches, so a right cannot outlive the bound even when this process is cut off.
 */
export const revocationBoundMs = 1_000;
const leaseMs = revocationBoundMs / 2;
/** A caller is told within a second that nothing can be decided; longer than the lease, because a busy database answers late. */
const observedWithinMs = 900;
/** Several times within a lease, so that one lost answer does not end it. */
const heartbeatMs = 125;

/**
 * Observes the log's head and tells this process's caches what changed. One a process.
 *
 * Events are handed over as soon as they are visible, without waiting for the horizon: to invalidate early is safe. Each
 * event is handed over once; after a restart caches are empty, so there is nothing to repeat.
 */
export class LogFollower {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #listeners: Listener[] = [];
  readonly #restartListeners: RestartListener[] = [];
  readonly #readLineage = lineageReader();
  /** Of what was handed over; undefined before the first look, and for embedded storage. */
  #lineage: string | undefined;
  /** From when the listeners are told until all of them may be trusted again. */
  #restarting = false;
  /** What a replica has to have replayed; a query shows nothing older than what a check is decided from. */
  readonly #replicaNeeds = new ReplicaNeeds(revocationBoundMs);
  /** Events that no look has shown yet, by transaction and id: what this process announced, or received from its peers. */
  readonly #handedOver = new Map<string, Set<string>>();
  #cursor = cursorAt("0");
  #revision: Revision = "0";
  #observedAt = Number.NEGATIVE_INFINITY;
  readonly #away: AwayRules | undefined;
  /** When the database was last known to be away for every process. */
  #awayAt = Number.NEGATIVE_INFINITY;
  readonly #messages: InvalidationMessages;
  /** Why the database is not taken for away; logged when it changes, not at every look. */
  #because: string | undefined;
  #failing = false;
  #isLost = false;
  readonly #lost = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #lastBeat: Promise<void> | undefined;
  #stopped = false;

  /** `away`: under which conditions caches are trusted beyond the lease while the database is away; none where absent. */
  constructor(database: Database, logger: Logger, away?: AwayRules) {
    this.#database = database;
    this.#logger = logger;
    this.#away = away;
    this.#messages = new InvalidationMessages(away, revocationBoundMs);
  }

  /**
   * Called with each event of the log, from any process, once this process can see it. Must not throw or wait. Processes send each
   * other `revoking` events beside the database, so that each knows all of them when it goes on without: then the listener receives an
   * event with no more data than it has named, which it may receive whole later. It does not receive the others' other events then.
   */
  onEvent(listener: Listener, revoking: RevokingEvents = {}): void {
    this.#listeners.push(listener);
    this.#messages.include(revoking);
  }

  /**
   * Called when the database has lost transactions, or may have (decision 0035): a failover, a restore, another database behind the
   * address. The listener discards everything that it has read from the database before it returns its promise. Nothing is trusted
   * until all listeners have resolved; one that rejects is called again.
   */
  onRestart(listener: RestartListener): void {
    this.#restartListeners.push(listener);
  }

  /** Begins at the log's present head: caches are empty, so what lies before does not matter to them. */
  async start(): Promise<void> {
    const observedAt = performance.now();
    const { lineage, tail } = await this.#look(cursorAt("9223372036854775807"));
    this.#lineage = lineage && textOfLineage(lineage);
    this.#settle(cursorAt(tail.horizon));
    this.#replicaNeeds.observe(tail.horizon, observedAt, lineage);
    this.#observedAt = observedAt;
    this.#beat();
  }

  /** The lineage that this process reads: the same text for every process on the database; undefined for embedded storage. */
  get lineage(): string | undefined {
    return this.#lineage;
  }

  /** What a replica must have replayed to answer a query: nothing older than a check, and all that callers of this process know of. */
  get replicaNeed(): ReplicaNeed {
    return this.#replicaNeeds.present;
  }

  /** What a replica that keeps up has replayed. */
  get replicaBound(): ReplicaNeed {
    return this.#replicaNeeds.settled;
  }

  /** A caller knows of this write, which this process has seen: queries that begin from now on include it. */
  include(revision: Revision): void {
    this.#replicaNeeds.include(revision);
  }

  /**
   * Resolves when this process has not looked at the log for so long that events were removed which it has not observed: one that slept
   * for weeks. Nothing tells what its caches should have invalidated, so they are never trusted again, and the process is to end.
   */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** True while caches may be trusted. */
  get fresh(): boolean {
    return !this.#isLost && this.leaseAgeMs < leaseMs;
  }

  /** Milliseconds since caches were last known to be as new as the database. */
  get leaseAgeMs(): number {
    return performance.now() - Math.max(this.#observedAt, this.#awayAt);
  }

  /** True while caches are trusted although the log is not observed, because nobody can write to it. */
  get withoutDatabase(): boolean {
    return this.fresh && this.replicationLagMs >= leaseMs;
  }

  /** Waits until caches may be trusted; false where that takes longer than a second: then the database hangs, or is away. */
  observed(): Promise<boolean> {
    return this.#observedWithin(observedWithinMs);
  }

  /** Like {@link catchUp}, but waits no longer than `deadline` (performance.now): a database that hangs answers no one. */
  catchUpUntil(deadline: number): Promise<void> {
    return this.#lookWithin(deadline - performance.now());
  }

  /**
   * Reads what a check needs from the database, for as long as the log is observed. Throws {@link Unavailable} when the lease ends first: a
   * database that is only busy still answers the follower, and one that hangs must not hold a check up for a statement's time limit.
   */
  async whileObserved<T>(read: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let isDone = false;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const look = async (): Promise<void> => {
      // A process that was too busy to look does so once more before it gives up.
      if (!this.fresh) await this.#observedWithin(observedWithinMs - leaseMs);
      if (isDone) return;
      if (this.fresh) timer = setTimeout(look, leaseMs - this.leaseAgeMs);
      else reject(new Unavailable("database", undefined));
    };
    void look();
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

  /** The newest revision below which this process has seen everything. */
  get revision(): Revision {
    return this.#revision;
  }

  /** True when what `revision` wrote has been handed to this process's caches. */
  hasSeen(revision: Revision): boolean {
    return isShown(this.#cursor, revision) || this.#handedOver.has(revision);
  }

  /** Reads the head and resolves when everything that was visible at the call has been handed over. */
  readonly catchUp: () => Promise<void> = coalesced(() => this.#read());

  /** Hands over what this process has just committed itself, without reading it back. */
  announce(events: readonly NewEvent[], revision: Revision, occurredAt: Date): void {
    // A commit proves that the database is there, whatever peers report.
    this.#awayAt = Number.NEGATIVE_INFINITY;
    this.#replicaNeeds.include(revision);
    // The log may have been read between the commit and this call.
    if (!isShown(this.#cursor, revision)) {
      for (const event of events)
        this.#handOver({ ...event, position: { transaction: revision, sequence: "0" }, occurredAt, traceparent: null });
    }
    this.#messages.send();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#lastBeat;
  }

  /** One look at the log, with the lineage of the server that answers: both in one transaction, so of one server. */
  #look(cursor: TailCursor) {
    return this.#database.read(everyTenant, async (db) => {
      // Embedded storage is in this process and has no other history.
      const lineage = this.#database.kind === "pglite" ? undefined : await this.#readLineage(db);
      return { lineage, tail: (await readSince(db, cursor)) ?? (await readTail(db, cursor.horizon)) };
    });
  }

  #settle(cursor: TailCursor): void {
    if (cursor.horizon !== this.#cursor.horizon) this.#revision = String(BigInt(cursor.horizon) - 1n);
    this.#cursor = cursor;
    for (const transaction of this.#handedOver.keys()) if (isShown(cursor, transaction)) this.#handedOver.delete(transaction);
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
      // Dated from the question, not the answer: the answer tells how things stood when it was asked.
      let observedAt = performance.now();
      let { lineage, tail } = await this.#look(this.#cursor);
      if (this.#mayLack(lineage, tail.horizon)) {
        await this.#restart(lineage, tail.horizon);
        observedAt = performance.now();
        ({ lineage, tail } = await this.#look(this.#cursor));
      }
      // A follower that has not started has observed nothing, and has nothing to invalidate.
      if (!tail.isWhole && !this.#isLost && this.#cursor.horizon !== "0") this.#lose();
      for (const event of tail.events) this.#handOver(event);
      this.#settle(tail.cursor);
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
      await this.#askPeers();
    }
  }

  /** Whether the database may lack transactions that this process has seen. Of one history the horizon never goes back. */
  #mayLack(lineage: Lineage | undefined, horizon: string): boolean {
    if (this.#cursor.horizon === "0") return false;
    const isAnother = lineage !== undefined && textOfLineage(lineage) !== this.#lineage;
    return this.#restarting || isAnother || BigInt(horizon) < BigInt(this.#cursor.horizon);
  }

  /** Rejects where a listener does; then the next look begins it again. */
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
    this.#handedOver.clear();
    this.#messages.clear();
    this.#replicaNeeds.reset();
    // What the listeners read from now on is followed from here.
    this.#settle(cursorAt(horizon));
    this.#lineage = text;
    await Promise.all(this.#restartListeners.map((listener) => listener()));
    this.#restarting = false;
  }

  #lose(): void {
    this.#isLost = true;
    this.#logger.fatal("the log no longer has events that this process has not observed; its caches are trusted no more");
    this.#lost.resolve();
  }

  async #askPeers(): Promise<void> {
    if (this.#away === undefined) return;
    // Dated from the query, as the lease is.
    const askedAt = performance.now();
    const before = this.withoutDatabase;
    const outage = await detectOutage(this.#away, this.replicationLagMs);
    if (!outage.away) return this.#refuse(outage.because);
    const missed = outage.events.filter(
      ({ id, transaction }) => !isShown(this.#cursor, transaction) && !this.#handedOver.get(transaction)?.has(id),
    );
    for (const message of missed) this.#handOver(eventOfMessage(message));
    this.#awayAt = askedAt;
    this.#because = undefined;
    if (!before && this.withoutDatabase) this.#logger.warn("the database is away for every process; checks are answered without it");
  }

  #refuse(because: string): void {
    if (this.#because !== because) this.#logger.warn({ because }, "the log cannot be observed, and the database is not taken for away");
    this.#because = because;
  }

  async #observedWithin(ms: number): Promise<boolean> {
    const deadline = performance.now() + ms;
    do {
      if (this.fresh) return true;
      await this.#lookWithin(deadline - performance.now());
      // A look that failed says so at once; the next heartbeat tries again.
    } while (!this.fresh && !this.#failing && performance.now() < deadline);
    return this.fresh;
  }

  async #lookWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, ms));
    });
    await Promise.race([this.catchUp(), late]);
    clearTimeout(timer);
  }

  #handOver(event: LoggedEvent): void {
    const { transaction } = event.position;
    const ofTransaction = this.#handedOver.get(transaction) ?? new Set();
    if (ofTransaction.has(event.id)) return;
    this.#handedOver.set(transaction, ofTransaction.add(event.id));
    this.#messages.add(event);
    this.#notify(event);
  }

  #notify(event: LoggedEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // The other listeners must receive it all the same, and the command that announced it is committed.
        this.#logger.error({ err: error, eventType: event.type }, "a listener of the log failed");
      }
    }
  }
}
