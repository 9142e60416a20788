import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import type { Position } from "../log/event.ts";

/** What each table's places are in. */
const streamOf = { relays: "events", broker_consumers: "broker_messages" } as const;

/** How long a holder that says nothing keeps its place: several heartbeats, and as long as a dead one delays events. */
const leaseSecondsDefault = 5;

/**
 * A place in an ordered stream that one process at a time moves on. A row names the holder and how long its word counts;
 * claims, renewals and moves are guarded updates, by the database's clock. No transaction stays open in between.
 */
export class Lease {
  readonly holder = randomUUID();
  readonly #database: Database;
  readonly #table: "relays" | "broker_consumers";
  readonly #name: string;
  readonly #seconds: number;

  constructor(database: Database, table: "relays" | "broker_consumers", name: string, seconds = leaseSecondsDefault) {
    this.#database = database;
    this.#table = table;
    this.#name = name;
    this.#seconds = seconds;
  }

  /** A third of the lease: a renewal may be lost and the next one is still in time. */
  get renewEveryMs(): number {
    return (this.#seconds * 1_000) / 3;
  }

  /** Claims the place, or renews it; its position where this process holds it now, undefined where another does. */
  claim(): Promise<Position | undefined> {
    return this.#write(async (tx) => {
      await sql`insert into ${sql.table(this.#table)} (name) values (${this.#name}) on conflict do nothing`.execute(tx);
      const { rows } = await sql<Position>`
        update ${sql.table(this.#table)} set holder = ${this.holder}, lease_until = now() + make_interval(secs => ${this.#seconds})
        where name = ${this.#name} and (holder is null or holder = ${this.holder} or lease_until < now())
        returning transaction::text, sequence::text`.execute(tx);
      return rows[0];
    });
  }

  /**
   * Moves the place on and renews it. False when it is another's by now, or `to` is not in the log: a failover may have lost what was
   * read there, and the next events may have lower positions.
   */
  move(to: Position): Promise<boolean> {
    return this.#write(async (tx) => {
      const { numAffectedRows } = await sql`
        update ${sql.table(this.#table)} set transaction = ${to.transaction}::xid8, sequence = ${to.sequence}::bigint, moved_at = now(),
          lease_until = now() + make_interval(secs => ${this.#seconds})
        where name = ${this.#name} and holder = ${this.holder} and exists (select from ${sql.table(streamOf[this.#table])}
          where sequence = ${to.sequence}::bigint and transaction = ${to.transaction}::xid8)`.execute(tx);
      return numAffectedRows === 1n;
    });
  }

  /** Gives the place back, so that another need not wait for the lease to end. */
  async release(): Promise<void> {
    await this.#write((tx) =>
      sql`update ${sql.table(this.#table)} set holder = null, lease_until = null where name = ${this.#name} and holder = ${this.holder}`.execute(
        tx,
      ),
    );
  }

  #write<T>(work: (tx: WriteHandle) => Promise<T>): Promise<T> {
    return this.#database.transact(everyTenant, work);
  }
}
