import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { AnyTables, Database } from "./database.ts";
import { scopedDatabase } from "./scoped.ts";

export interface PostgresqlOptions {
  readonly url: string;
  /** A read replica for queries; the primary when absent. */
  readonly readUrl?: string | undefined;
  readonly poolSize?: number;
  /** Told of a connection that broke while it was idle; the pool replaces it by itself. */
  readonly onIdleError?: (error: Error) => void;
}

/** A statement that takes longer is a fault: every query of the server is answered from an index. */
const statementTimeoutMs = 10_000;
/** An open transaction holds the log's horizon back for everybody (DESIGN, idea 8), so a forgotten one is ended. */
const idleInTransactionTimeoutMs = 10_000;
const connectTimeoutMs = 3_000;

export function openPostgresql(options: PostgresqlOptions): Database {
  const writer = pool(options.url, options);
  const reader = options.readUrl && options.readUrl !== options.url ? pool(options.readUrl, options) : writer;
  const kyselyOf = (p: pg.Pool) => new Kysely<AnyTables>({ dialect: new PostgresDialect({ pool: p }) });
  const writing = kyselyOf(writer);
  const reading = reader === writer ? writing : kyselyOf(reader);
  return scopedDatabase({ kind: "postgresql", writer: writing, reader: reading }, async () => {
    await writing.destroy();
    if (reading !== writing) await reading.destroy();
  });
}

function pool(connectionString: string, options: PostgresqlOptions): pg.Pool {
  const created = new pg.Pool({
    connectionString,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    application_name: "gatehouse",
  });
  created.on("error", (error) => options.onIdleError?.(error));
  return created;
}
