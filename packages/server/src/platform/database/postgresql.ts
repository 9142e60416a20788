import { Kysely, PostgresAdapter, PostgresDialect } from "kysely";
import pg from "pg";
import { policies } from "../resilience/policies.ts";
import type { AnyTables, Database, PoolState } from "./database.ts";
import { scopedDatabase } from "./scoped.ts";
import type { SessionRules } from "./session.ts";
import { type SettledPool, settledPool } from "./settled-pool.ts";

/** The schema of the product's tables unless DATABASE_SCHEMA names another. */
export const defaultSchema = "public";

export interface PostgresqlOptions {
  readonly url: string;
  /** A read replica for queries; the primary by default. */
  readonly readUrl?: string | undefined;
  /** The same database without a pooler, for the owner's connections; `url` by default. */
  readonly directUrl?: string | undefined;
  readonly poolSize?: number;
  /** The schema of the product's tables; {@link defaultSchema} by default. */
  readonly schema?: string | undefined;
  /** Time limit of the application's statements; {@link statementTimeoutMs} by default. */
  readonly statementTimeoutMs?: number;
  /** Time limit of statements on the owner's connections; none by default. */
  readonly ownerTimeoutMs?: number;
  /** Called when an idle connection broke; the pool replaces it by itself. */
  readonly onIdleError?: (error: Error) => void;
}

const statementTimeoutMs = policies["postgresql.primary"].timeLimitMs;
/** How much later the client itself times out: a frozen or unreachable server does not cancel statements. */
const answerGraceMs = 2_000;
/** An open transaction holds the log's horizon back for all readers, so an abandoned one is ended. */
const idleInTransactionTimeoutMs = 10_000;
const connectTimeoutMs = policies["postgresql.connection"].timeLimitMs;
/** Migrations and the doctor work one after the other. */
const ownerPoolSize = 2;

export function openPostgresql(options: PostgresqlOptions): Database {
  const timeoutMs = options.statementTimeoutMs ?? statementTimeoutMs;
  const schema = options.schema ?? defaultSchema;
  const application = { max: options.poolSize ?? 10, query_timeout: timeoutMs + answerGraceMs };
  const limits = { schema, statementTimeoutMs: timeoutMs, idleInTransactionMs: idleInTransactionTimeoutMs };
  const writing = pool(options.url, application, options);
  const reading = options.readUrl && options.readUrl !== options.url ? pool(options.readUrl, application, options) : writing;
  // A schema step may take minutes on a large table, so the owner's connections have no time limit.
  const ownerMs = options.ownerTimeoutMs ?? 0;
  const owning = pool(
    options.directUrl ?? options.url,
    { max: ownerPoolSize, ...(ownerMs > 0 && { query_timeout: ownerMs + answerGraceMs }) },
    options,
  );
  const writer = kyselyOf(settledPool(writing, limits));
  const reader = reading === writing ? writer : kyselyOf(settledPool(reading, { ...limits, access: "read only" }));
  const owner = kyselyOf(settledPool(owning, { schema, statementTimeoutMs: ownerMs, idleInTransactionMs: 0 }));
  const connections = () => [
    stateOf("write", writing),
    ...(reading === writing ? [] : [stateOf("read", reading)]),
    stateOf("owner", owning),
  ];
  return scopedDatabase({ kind: "postgresql", writer, reader, owner, connections }, async () => {
    await Promise.all([...new Set([writer, reader, owner])].map((handle) => handle.destroy()));
  });
}

const stateOf = (name: PoolState["pool"], { options, totalCount, idleCount, waitingCount }: pg.Pool): PoolState => ({
  pool: name,
  max: options.max,
  used: totalCount - idleCount,
  idle: idleCount,
  // A call that can use an idle connection is in the pool's queue until the next turn of the event loop, and does not wait.
  waiting: Math.max(0, waitingCount - idleCount),
});

const kyselyOf = (connections: SettledPool) => new Kysely<AnyTables>({ dialect: new MigratingDialect({ pool: connections }) });

/** Migrations take their own transaction lock (migrations.ts), because Kysely's lock needs a session. */
class MigratingDialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new (class extends PostgresAdapter {
      override async acquireMigrationLock(): Promise<void> {}
      override async releaseMigrationLock(): Promise<void> {}
    })();
  }
}

export interface SmallPoolOptions extends Pick<SessionRules, "schema"> {
  readonly url: string;
  readonly max: number;
  readonly applicationName: string;
  readonly timeLimitMs: number;
  readonly onIdleError: (error: Error) => void;
}

/** A pool for a library with its own statements; they run under the same settings as all others. */
export function openSmallPool({ url, max, applicationName, timeLimitMs, schema, onIdleError }: SmallPoolOptions): SettledPool {
  const connections = pool(
    url,
    { max, application_name: applicationName, query_timeout: timeLimitMs + answerGraceMs },
    { url, onIdleError },
  );
  return settledPool(connections, { schema, statementTimeoutMs: timeLimitMs, idleInTransactionMs: idleInTransactionTimeoutMs });
}

function pool(connectionString: string, limits: pg.PoolConfig, options: PostgresqlOptions): pg.Pool {
  const created = new pg.Pool({
    connectionString,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: "gatehouse",
    ...limits,
  });
  created.on("error", (error) => options.onIdleError?.(error));
  // A connection that breaks between two statements of a transaction emits an error event, which would end the
  // process without a listener. The transaction's next statement fails with the error.
  created.on("connect", (client) => client.on("error", () => {}));
  return created;
}
