import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { beginStatement, type ServerFacts, type SessionRules, serverFacts } from "./session.ts";

/** A connection whose every statement runs in a transaction with our settings. */
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
/** PostgreSQL runs these in no transaction. They name their schema, and change no row. */
const standsAlone = /^\s*(?:create\s+(?:unique\s+)?index|drop\s+index|reindex\s+\w+)\s+concurrently\b/i;

/**
 * Wraps a pool so that no statement depends on what the database, the role, the pooler or the address has set: a transaction begins
 * with {@link beginStatement}, and a statement outside of one gets one of its own. Nothing of it needs a session, so it holds behind
 * PgBouncer in transaction mode.
 */
export function settledPool(pool: pg.Pool, rules: SessionRules): SettledPool {
  const settled = new WeakMap<pg.PoolClient, SettledClient>();
  let facts: ServerFacts | undefined;
  const beginWith = async (client: pg.PoolClient, asked: string): Promise<void> => {
    facts ??= (await client.query<ServerFacts>(serverFacts)).rows[0] as ServerFacts;
    await client.query(beginStatement(rules, facts, asked));
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
  readonly #beginWith: (client: pg.PoolClient, asked: string) => Promise<void>;
  #inTransaction = false;
  /** In a state that nobody knows: not to be used again. */
  #broken = false;

  constructor(client: pg.PoolClient, beginWith: (client: pg.PoolClient, asked: string) => Promise<void>) {
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
    if (this.#inTransaction || standsAlone.test(text)) return this.#send(text, parameters);
    return this.#alone(() => this.#send(text, parameters));
  }

  script(text: string): Promise<pg.QueryResult | readonly pg.QueryResult[]> {
    return this.#alone(() => this.#client.query(text));
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#broken);
  }

  #send(text: string, parameters: readonly unknown[] = []): Promise<pg.QueryResult> {
    return this.#client.query(text, parameters as unknown[]);
  }

  async #begin(asked: string): Promise<void> {
    try {
      await this.#beginWith(this.#client, asked);
      this.#inTransaction = true;
    } catch (error) {
      await this.#rollback();
      throw error;
    }
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
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
