import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe } from "vitest";
import { type Database, everyTenant, type Scope, type WriteHandle } from "../../server/src/platform/database/database.ts";
import { createApplicationRole, migrate, type SchemaStep } from "../../server/src/platform/database/migrations.ts";
import { openPglite } from "../../server/src/platform/database/pglite.ts";
import { openPostgresql } from "../../server/src/platform/database/postgresql.ts";
import { settingsOf } from "./foreign-settings.ts";

/** A server on which tests create databases (named `gatehouse_test_…`) and drop them. */
const serverUrl = process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

const whyNoPostgresql = await pinged();

/** The suite of `npm test` needs no server outside of the process; `npm run test:services` sets TEST_BACKEND. */
async function pinged(): Promise<string | undefined> {
  if (process.env["TEST_BACKEND"] !== "postgresql") return "npm run test:services runs it on PostgreSQL";
  try {
    await asAdministrator((client) => client.query("select 1"));
    return undefined;
  } catch (error) {
    return `no PostgreSQL answers at ${new URL(serverUrl).host}: ${(error as Error).message || (error as { code?: string }).code}`;
  }
}

/** `describe` for what only a server with several connections can prove; skipped with the reason where there is none. */
export const describeOnPostgresql = (name: string, tests: () => void): void => {
  if (whyNoPostgresql === undefined) describe(`${name} [PostgreSQL]`, tests);
  else describe.skip(`${name} (skipped: ${whyNoPostgresql})`, tests);
};

/** The same suite on PGlite, whose one connection serializes transactions: a few rounds are enough. */
export const describeOnPglite = (name: string, tests: () => void): void => void describe(`${name} [PGlite]`, tests);

/** A database of the test's own. */
export interface Fresh {
  readonly database: Database;
  /** The connection URL; undefined for the embedded database. */
  readonly url: string | undefined;
  /** Opens the same database again, as another process would. Closed with this one. */
  another(poolSize?: number): Database;
  close(): Promise<void>;
}

/** An embedded database in memory, migrated by `steps`. */
export async function freshPglite(steps: readonly SchemaStep[], image?: Blob): Promise<Fresh> {
  const database = await openPglite("memory", { image });
  await prepared(database, steps);
  return {
    database,
    url: undefined,
    another: () => {
      throw new Error("the embedded database has one connection");
    },
    close: () => database.close(),
  };
}

export interface FreshOptions {
  /** Settings of the database itself. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The address of a pooler in front of it. */
  readonly through?: (url: string) => string;
}

/**
 * A database on the server, migrated by `steps`. `superuser` connects with a login that bypasses row-level security and switches to a
 * plain role, as in development. `plain` connects with a login that owns only the database, as in production.
 */
export async function freshPostgresql(
  steps: readonly SchemaStep[],
  login: "superuser" | "plain" = "superuser",
  poolSize?: number,
  more: FreshOptions = {},
): Promise<Fresh> {
  const name = `gatehouse_test_${randomBytes(6).toString("hex")}`;
  await asAdministrator(async (client) => {
    if (login === "plain") await client.query(`create role ${name} login`);
    await client.query(`create database ${name} ${login === "plain" ? `owner ${name}` : ""}`);
    for (const statement of settingsOf("database", name, more.settings ?? {})) await client.query(statement);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  if (login === "plain") url.username = name;
  if (more.through) url.href = more.through(url.href);
  const opened: Database[] = [];
  const another = (size = 4): Database => {
    const database = openPostgresql({ url: url.href, poolSize: size });
    opened.push(database);
    return database;
  };
  const database = another(poolSize);
  await prepared(database, steps);
  return {
    database,
    url: url.href,
    another,
    async close() {
      await Promise.all(opened.map((each) => each.close().catch(() => {})));
      await asAdministrator(async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
        if (login === "plain") await client.query(`drop role ${name}`);
      });
    },
  };
}

async function prepared(database: Database, steps: readonly SchemaStep[]): Promise<void> {
  await createApplicationRole(database.owner);
  await migrate(database.owner, steps);
}

/** A transaction that stays open until the test ends it. */
export interface HeldTransaction {
  run<T>(work: (tx: WriteHandle) => Promise<T>): Promise<T>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Begins a transaction through the port and leaves it open. */
export async function holdTransaction(database: Database, scope: Scope = everyTenant): Promise<HeldTransaction> {
  const begun = Promise.withResolvers<WriteHandle>();
  const end = Promise.withResolvers<void>();
  const givenUp = new Error("rolled back by the test");
  const ended = database.transact(scope, async (tx) => {
    begun.resolve(tx);
    await end.promise;
  });
  ended.catch(begun.reject);
  const tx = await begun.promise;
  return {
    run: (work) => work(tx),
    commit: () => {
      end.resolve();
      return ended;
    },
    rollback: () => {
      end.reject(givenUp);
      return ended.catch((error) => {
        if (error !== givenUp) throw error;
      });
    },
  };
}

/** Runs statements on the server's maintenance database, independent of the tested code. */
export async function asAdministrator<T>(work: (client: pg.Client) => Promise<T>, url = serverUrl): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Drops a database of a test and the role of the same name. */
export const dropWithRole = (name: string): Promise<void> =>
  asAdministrator(async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`drop role if exists ${name}`);
  });

/**
 * Assigns that many transaction ids of the server, as its other databases would. Uses a separate connection, because the product's
 * connections run each statement in a transaction.
 */
export const spendTransactions = async (url: string, count: number): Promise<void> => {
  await asAdministrator(
    (client) => client.query(`do $$ begin for i in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`),
    url,
  );
};
