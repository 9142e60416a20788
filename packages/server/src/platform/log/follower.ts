import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import { type Database, everyTenant } from "../database/database.ts";
import { covers, type LoggedEvent, type NewEvent, type Revision } from "./event.ts";
import { readTail } from "./log.ts";

type Listener = (event: LoggedEvent) => void;

/**
 * How old a revoked right may be in any process. A process that has heard nothing for half of it stops trusting its
 * memory (ARCHITECTURE, idea 9), so a right cannot outlive the bound even when this process is cut off.
 */
export const revocationBoundMs = 1_000;
const leaseMs = revocationBoundMs / 2;
/** Several times within a lease, so that one lost answer does not end it. */
const heartbeatMs = 125;
/** Questions that are remembered of a replica that is behind; of more, the oldest and the newest tell enough. */
const questionsMax = 64;

/**
 * Hears the log's head and tells this process's memories what changed. One a process.
 *
 * Events are handed over as soon as they are visible, without waiting for the horizon: to forget early is safe. An
 * event is handed over once here; after a restart memories are empty, so there is nothing to repeat.
 */
export class LogFollower {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #listeners: Listener[] = [];
  readonly #handedOver = new Map<string, string>();
  #horizon = "0";
  #revision: Revision = "0";
  #heardAt = Number.NEGATIVE_INFINITY;
  /** Where the primary stood at each question that the replica has not come up to yet, oldest first. */
  readonly #asked: { readonly at: number; readonly head: bigint }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastBeat: Promise<void> | undefined;
  #stopped = false;

  constructor(database: Database, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  /** Called with each event of the log, from any process, once this process can see it. Must not throw or wait. */
  onEvent(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Begins at the log's present head: memories are empty, so what lies before does not matter to them. */
  async start(): Promise<void> {
    const heardAt = await this.#ask();
    const { horizon } = await this.#database.read(everyTenant, (db) => readTail(db, "9223372036854775807"));
    this.#settle(horizon);
    this.#heardAt = heardAt;
    this.#beat();
  }

  /** True while memory may be trusted. */
  get fresh(): boolean {
    return performance.now() - this.#heardAt < leaseMs;
  }

  /** Milliseconds since the log's head was last heard. */
  get ageMs(): number {
    return performance.now() - this.#heardAt;
  }

  /** The newest revision below which this process has seen everything. */
  get revision(): Revision {
    return this.#revision;
  }

  /** True when what `revision` wrote has been handed to this process's memories. */
  hasSeen(revision: Revision): boolean {
    return covers(this.#horizon, revision) || [...this.#handedOver.values()].includes(revision);
  }

  /** Reads the head and resolves when everything that was visible at the call has been handed over. */
  readonly catchUp: () => Promise<void> = coalesced(() => this.#read());

  /** Hands over what this process has just committed itself, without reading it back. */
  announce(events: readonly NewEvent[], revision: Revision, occurredAt: Date): void {
    // The log may have been read between the commit and this call.
    if (covers(this.#horizon, revision)) return;
    for (const event of events) {
      const logged = { ...event, position: { transaction: revision, sequence: "0" }, occurredAt, traceparent: null };
      // What is forgotten now may be read back from a replica as it was, so it is handed over again once that has the write.
      if (this.#database.replica) this.#tell(logged);
      else this.#handOver(logged);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#lastBeat;
  }

  /**
   * How old the answer to a question that is asked now will be. Dated from the question, not the answer: the answer
   * tells how things stood when it was asked; and a replica tells how things stood where it has come up to.
   */
  async #ask(): Promise<number> {
    const { replica } = this.#database;
    const askedAt = performance.now();
    if (replica === undefined) return askedAt;
    if (this.#asked.length === questionsMax) this.#asked.pop();
    this.#asked.push({ at: askedAt, head: await replica.head() });
    const reached = await replica.reached();
    let heardAt = this.#heardAt;
    for (let first = this.#asked[0]; first && first.head <= reached; first = this.#asked[0]) {
      heardAt = first.at;
      this.#asked.shift();
    }
    return heardAt;
  }

  #settle(horizon: string): void {
    if (horizon === this.#horizon) return;
    this.#horizon = horizon;
    this.#revision = String(BigInt(horizon) - 1n);
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
      const heardAt = await this.#ask();
      const tail = await this.#database.read(everyTenant, (db) => readTail(db, this.#horizon));
      for (const event of tail.events) this.#handOver(event);
      this.#settle(tail.horizon);
      for (const [id, transaction] of this.#handedOver) {
        if (covers(this.#horizon, transaction)) this.#handedOver.delete(id);
      }
      this.#heardAt = heardAt;
    } catch (error) {
      this.#logger.warn({ err: error }, "the head of the log could not be read");
    }
  }

  #handOver(event: LoggedEvent): void {
    if (this.#handedOver.has(event.id)) return;
    this.#handedOver.set(event.id, event.position.transaction);
    this.#tell(event);
  }

  #tell(event: LoggedEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // The other memories must hear of it all the same, and the command that announced it is committed.
        this.#logger.error({ err: error, eventType: event.type }, "a listener of the log failed");
      }
    }
  }
}
