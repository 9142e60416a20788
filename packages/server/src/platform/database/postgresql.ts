import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { AnyTables, Database } from "./database.ts";
import { scopedDatabase } from "./scoped.ts";

export interface PostgresqlOptions {
  readonly url: string;
  /** A read replica for queries; the primary when absent. */
  readonly readUrl?: string | undefined;
  readonly poolSize?: number;
  /** How long a statement of the application may take; {@link statementTimeoutMs} when absent. */
  readonly statementTimeoutMs?: number;
  /** Told of a connection that broke while it was idle; the pool replaces it by itself. */
  readonly onIdleError?: (error: Error) => void;
}

/** A statement that takes longer is a fault: every query of the server is answered from an index. */
const statementTimeoutMs = 10_000;
/** How much later the client gives up by itself: a server that is frozen, or cut off, ends no statement. */
const answerGraceMs = 2_000;
/** An open transaction holds the log's horizon back for everybody (ARCHITECTURE, idea 8), so a forgotten one is ended. */
const idleInTransactionTimeoutMs = 10_000;
const connectTimeoutMs = 3_000;
/** Migrations and the doctor work one after the other. */
const ownerPoolSize = 2;

export function openPostgresql(options: PostgresqlOptions): Database {
  const timeoutMs = options.statementTimeoutMs ?? statementTimeoutMs;
  const application = {
    max: options.poolSize ?? 10,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + answerGraceMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
  };
  const writer = kyselyOf(pool(options.url, application, options));
  const reader = options.readUrl && options.readUrl !== options.url ? kyselyOf(pool(options.readUrl, application, options)) : writer;
  // A step of the schema may take minutes on a large table, so the owner's connections have no time limit.
  const owner = kyselyOf(pool(options.url, { max: ownerPoolSize }, options));
  return scopedDatabase({ kind: "postgresql", writer, reader, owner }, async () => {
    await Promise.all([...new Set([writer, reader, owner])].map((handle) => handle.destroy()));
  });
}

const kyselyOf = (connections: pg.Pool) => new Kysely<AnyTables>({ dialect: new PostgresDialect({ pool: connections }) });

function pool(connectionString: string, limits: pg.PoolConfig, options: PostgresqlOptions): pg.Pool {
  const created = new pg.Pool({
    connectionString,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: "gatehouse",
    ...limits,
  });
  created.on("error", (error) => options.onIdleError?.(error));
  // A connection that breaks between two statements of a transaction says so as an event, which would end the
  // process if nobody listened; the transaction's next statement fails with it.
  created.on("connect", (client) => client.on("error", () => {}));
  return created;
}
