import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import type { Position } from "../log/event.ts";

/** The stream of each table's positions. */
const streamOf = { relays: "events", broker_consumers: "broker_messages" } as const;

/** How long a silent holder keeps its lease: several heartbeats; a dead holder delays events this long. */
const leaseSecondsDefault = 5;

/**
 * A position in an ordered stream that one process at a time advances, under a lease. A row names the holder and the end of its lease;
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

  /** A third of the lease: if one renewal is lost, the next one is still in time. */
  get renewEveryMs(): number {
    return (this.#seconds * 1_000) / 3;
  }

  /** Claims or renews the lease; returns the position if this process holds it now, undefined if another does. */
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
   * Advances the position and renews the lease. False if another process holds it now, or `to` is not in the stream: a failover may have lost
   * it, and the next events may have lower positions.
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

  /** Releases the lease, so that another process need not wait for its end. */
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
