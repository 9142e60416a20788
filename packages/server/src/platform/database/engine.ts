import pg from "pg";
import { policies } from "../resilience/policies.ts";
import { StartRefused } from "../start-refused.ts";
import { translated } from "./driver-errors.ts";

/** What distinguishes PostgreSQL from other servers with its protocol. */
export interface Engine {
  /** What `version()` answers. */
  readonly version: string;
  /** `server_version_num`. */
  readonly versionNumber: number;
  readonly inRecovery: boolean;
  /** Whether the functions for transaction ids and snapshots exist, by which the log is ordered. */
  readonly hasTransactionIds: boolean;
  readonly hasPlpgsql: boolean;
  /** A table that Aurora DSQL has in every database. */
  readonly hasDsqlJobs: boolean;
  /** Tables of the product that Citus has distributed over several servers, whose transaction ids are independent. */
  readonly distributedTables: readonly string[];
}

/** Servers with their own name in `version()`. Their transactions have no order that the log could use. */
const otherEngines: readonly (readonly [RegExp, string])[] = [
  [/CockroachDB/i, "CockroachDB"],
  [/-YB-|Yugabyte/i, "YugabyteDB"],
  [/Redshift/i, "Amazon Redshift"],
  [/Greenplum/i, "Greenplum"],
  [/Cloudberry/i, "Cloudberry"],
  [/openGauss|GaussDB/i, "openGauss"],
  [/Materialize/i, "Materialize"],
  [/RisingWave/i, "RisingWave"],
  [/CrateDB/i, "CrateDB"],
  [/QuestDB/i, "QuestDB"],
  [/Spanner/i, "Google Spanner"],
  [/DSQL/i, "Amazon Aurora DSQL"],
];

/** PostgreSQL 15 introduced `unique nulls not distinct`, which the schema uses. */
const oldestVersion = 150_000;

const nameOf = (version: string): string | undefined => otherEngines.find(([pattern]) => pattern.test(version))?.[1];
const needed = "Gatehouse needs PostgreSQL 15 or newer, because it orders its log by PostgreSQL's transaction ids.";

/** Why the product does not run on this server, as a sentence for the operator; undefined if it does. */
export function refusalOfEngine(engine: Engine): string | undefined {
  const { version, versionNumber, inRecovery, hasTransactionIds, hasPlpgsql, hasDsqlJobs, distributedTables } = engine;
  const name = nameOf(version) ?? (hasDsqlJobs && !hasPlpgsql ? "Amazon Aurora DSQL" : undefined);
  if (name !== undefined) return `DATABASE_URL names a ${name} ("${version}"). ${needed}`;
  if (!/^PostgreSQL \d/.test(version) || !hasTransactionIds || !hasPlpgsql) {
    return `DATABASE_URL names a server that is not PostgreSQL ("${version}"). ${needed}`;
  }
  if (versionNumber < oldestVersion) return `DATABASE_URL names a "${version}". ${needed}`;
  if (distributedTables.length > 0) {
    return `Citus has distributed tables of the product (${distributedTables.join(", ")}). Run undistribute_table() on each. ${needed}`;
  }
  if (inRecovery) return "DATABASE_URL names a standby, which accepts no writes. Name the primary; DATABASE_READ_URL names a replica.";
  return undefined;
}

/** Throws {@link StartRefused} if the product does not run on the server at `url`. */
export async function refuseOtherEngine(url: string, schema: string): Promise<void> {
  const refusal = refusalOfEngine(await readEngine(url, schema));
  if (refusal !== undefined) throw new StartRefused(refusal);
}

/**
 * Uses a separate plain connection: another kind of server, or a standby, rejects the settings of the product's transactions
 * with an unrelated error. Reads the version first, because other servers may lack the catalogs for the rest.
 */
export const readEngine = (url: string, schema: string): Promise<Engine> =>
  translated(async () => {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: policies["postgresql.connection"].timeLimitMs,
      query_timeout: policies["postgresql.primary"].timeLimitMs,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      return await engineBehind(client, schema);
    } finally {
      await client.end().catch(() => {});
    }
  });

type Facts = Omit<Engine, "version" | "distributedTables">;

const facts = `select current_setting('server_version_num')::int as "versionNumber", pg_is_in_recovery() as "inRecovery",
  (select count(*) = 3 from pg_proc where pronamespace = 'pg_catalog'::regnamespace
    and proname in ('pg_current_xact_id', 'pg_current_snapshot', 'pg_snapshot_xmin')) as "hasTransactionIds",
  exists (select from pg_language where lanname = 'plpgsql') as "hasPlpgsql",
  to_regclass('sys.jobs') is not null as "hasDsqlJobs", to_regclass('pg_catalog.pg_dist_partition') is not null as citus`;

const distributed = `select c.relname as name from pg_catalog.pg_dist_partition p
  join pg_class c on c.oid = p.logicalrelid::oid join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 order by 1`;

async function engineBehind(client: pg.Client, schema: string): Promise<Engine> {
  const version = (await client.query<{ version: string }>("select version() as version")).rows[0]?.version ?? "";
  const unknown: Engine = {
    version,
    versionNumber: 0,
    hasTransactionIds: false,
    hasPlpgsql: false,
    hasDsqlJobs: false,
    inRecovery: false,
    distributedTables: [],
  };
  if (nameOf(version) !== undefined) return unknown;
  try {
    const { citus, ...found } = (await client.query<Facts & { citus: boolean }>(facts)).rows[0] as Facts & { citus: boolean };
    const tables = citus ? (await client.query<{ name: string }>(distributed, [schema])).rows : [];
    return { version, ...found, distributedTables: tables.map(({ name }) => name) };
  } catch (error) {
    // Classes 42 and 0A: the server does not know the catalogs. Other errors do not show the server's kind.
    if (!/^(42|0A)/.test(String((error as { readonly code?: string }).code))) throw error;
    return unknown;
  }
}
