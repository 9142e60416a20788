import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { beginStatement, type ServerFacts, type SessionRules, serverFacts } from "./session.ts";

/** A connection whose statements all run in transactions with fixed settings. */
export interface SettledConnection {
  readonly processID?: number;
  query(text: string, parameters?: readonly unknown[]): Promise<pg.QueryResult>;
  /** Runs several statements without parameters in one transaction. */
  script(text: string): Promise<pg.QueryResult | readonly pg.QueryResult[]>;
  release(destroy?: boolean): void;
}

/** A pool of such connections, in the form that Kysely's dialect takes. */
export interface SettledPool extends PostgresPool {
  connect(): Promise<SettledConnection & PostgresPoolClient>;
}

const opens = /^\s*(begin|start transaction)\b/i;
const ends = /^\s*(commit|rollback)\s*$/i;
/** PostgreSQL does not run these in a transaction. They name their schema, and change no row. */
const withoutTransaction = /^\s*(?:create\s+(?:unique\s+)?index|drop\s+index|reindex\s+\w+)\s+concurrently\b/i;

/**
 * Wraps a pool so that no statement depends on settings of the database, the role, the pooler or the connection string: a transaction begins
 * with {@link beginStatement}, and a statement outside of a transaction gets its own. It needs no session, so it works behind
 * PgBouncer in transaction mode.
 */
export function settledPool(pool: pg.Pool, rules: SessionRules): SettledPool {
  const settled = new WeakMap<pg.PoolClient, SettledClient>();
  let facts: ServerFacts | undefined;
  const beginWith = async (client: pg.PoolClient, requested: string): Promise<void> => {
    facts ??= (await client.query<ServerFacts>(serverFacts)).rows[0] as ServerFacts;
    await client.query(beginStatement(rules, facts, requested));
  };
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const known = settled.get(client) ?? new SettledClient(client, beginWith);
      settled.set(client, known);
      return known as SettledClient & PostgresPoolClient;
    },
    end: () => pool.end(),
  };
}

class SettledClient implements SettledConnection {
  readonly #client: pg.PoolClient;
  readonly #beginWith: (client: pg.PoolClient, requested: string) => Promise<void>;
  #inTransaction = false;
  /** The connection's state is unknown: it must not be used again. */
  #broken = false;

  constructor(client: pg.PoolClient, beginWith: (client: pg.PoolClient, requested: string) => Promise<void>) {
    this.#client = client;
    this.#beginWith = beginWith;
  }

  get processID(): number {
    return (this.#client as unknown as { readonly processID: number }).processID;
  }

  async query(text: string, parameters: readonly unknown[] = []): Promise<pg.QueryResult> {
    if (ends.test(text)) {
      this.#inTransaction = false;
      return this.#send(text);
    }
    if (opens.test(text)) {
      await this.#begin(text);
      return nothing;
    }
    if (this.#inTransaction || withoutTransaction.test(text)) return this.#send(text, parameters);
    return this.#inOwnTransaction(() => this.#send(text, parameters));
  }

  script(text: string): Promise<pg.QueryResult | readonly pg.QueryResult[]> {
    return this.#inOwnTransaction(() => this.#client.query(text));
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#broken);
  }

  #send(text: string, parameters: readonly unknown[] = []): Promise<pg.QueryResult> {
    return this.#client.query(text, parameters as unknown[]);
  }

  async #begin(requested: string): Promise<void> {
    try {
      await this.#beginWith(this.#client, requested);
      this.#inTransaction = true;
    } catch (error) {
      await this.#rollback();
      throw error;
    }
  }

  async #inOwnTransaction<T>(work: () => Promise<T>): Promise<T> {
    await this.#begin("");
    try {
      const result = await work();
      await this.#send("commit");
      return result;
    } catch (error) {
      await this.#rollback();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  async #rollback(): Promise<void> {
    await this.#send("rollback").catch(() => {
      this.#broken = true;
    });
  }
}

const nothing: pg.QueryResult = { command: "START", rowCount: null, oid: 0, fields: [], rows: [] };
