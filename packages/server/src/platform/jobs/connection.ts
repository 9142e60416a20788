import { type Db, PgBoss } from "pg-boss";
import { isPooled } from "../database/pooler.ts";
import { defaultSchema, openSmallPool } from "../database/postgresql.ts";
import type { SettledPool } from "../database/settled-pool.ts";
import { policies } from "../resilience/policies.ts";

export interface JobsConnectionOptions {
  readonly url: string;
  /** An address with session support, for LISTEN; `url` if it has that. */
  readonly directUrl?: string | undefined;
  readonly schema?: string | undefined;
  readonly onError: (error: Error) => void;
}

/** The connection of pg-boss to PostgreSQL. */
export interface JobsConnection {
  readonly db: Db;
  /** Whether it is notified of jobs; otherwise it polls. */
  readonly listens: boolean;
  close(): Promise<void>;
}

const connectionsMax = 3;
const applicationName = "gatehouse jobs";
const timeLimitMs = policies["postgresql.jobs"].timeLimitMs;

/** Opens the queue's own pool, with the settings of all connections, and a session for notifications if the address supports it. */
export async function connectJobs({ url, directUrl, schema = defaultSchema, onError }: JobsConnectionOptions): Promise<JobsConnection> {
  const pool = openSmallPool({ url, max: connectionsMax, applicationName, timeLimitMs, schema, onIdleError: onError });
  const executeSql: Db["executeSql"] = (text, values) => runOn(pool, text, values);
  const listenUrl = directUrl ?? ((await isPooled(url)) ? undefined : url);
  if (listenUrl === undefined) return { db: { executeSql }, listens: false, close: () => pool.end() };
  const listener = await openListener(listenUrl, onError);
  return {
    db: { executeSql, listen: (...subscription) => listener.listen(...subscription) },
    listens: true,
    async close() {
      await listener.close();
      await pool.end();
    },
  };
}

/** Scripts of pg-boss with their own transaction. */
const script = /^\s*BEGIN;([\s\S]*)COMMIT;\s*$/i;

async function runOn(pool: SettledPool, text: string, values: unknown[] | undefined): Promise<{ rows: unknown[] }> {
  const connection = await pool.connect();
  try {
    const body = script.exec(text)?.[1];
    // For several statements pg-boss expects the list of their results, as from its own pool.
    return (body === undefined ? await connection.query(text, values) : await connection.script(body)) as { rows: unknown[] };
  } finally {
    connection.release();
  }
}

interface Listener extends Required<Pick<Db, "listen">> {
  open(): Promise<void>;
  close(): Promise<void>;
}

/** pg-boss's own listener, which resubscribes after a lost connection. Its pool opens no connection, because it runs no query. */
async function openListener(url: string, onError: (error: Error) => void): Promise<Listener> {
  const boss = new PgBoss({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: policies["postgresql.connection"].timeLimitMs,
  });
  boss.on("error", onError);
  const listener = boss.getDb() as unknown as Listener;
  await listener.open();
  return listener;
}
