import type { Kysely, Transaction } from "kysely";
import type { ReadonlyKysely } from "kysely/readonly";

/**
 * Whose rows a transaction may see. Row-level security enforces it: policies compare the tables'
 * `organization_id` (and, where a row also belongs to a person, their `user_id`) with these settings,
 * so a forgotten WHERE returns nothing of another tenant.
 */
export interface Scope {
  /** An organization's id; `internal` for rows of no organization; `*` for every tenant; `none` for no tenant's rows. */
  readonly tenant: string;
  /** Lets this user's own rows through, whichever organization they belong to. */
  readonly user?: string;
}

/** Every tenant's rows: for calls without a tenant yet (sign-in) and for the worker. State the reason at each use. */
export const everyTenant: Scope = { tenant: "*" };
export const internalScope: Scope = { tenant: "internal" };

export const tenantScope = (organizationId: string, user?: string): Scope =>
  user === undefined ? { tenant: organizationId } : { tenant: organizationId, user };

/** The rows that belong to this user. */
export const userScope = (userId: string): Scope => ({ tenant: "none", user: userId });

// Each module knows only its own tables, so the port has no table types; a module's store narrows the type.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyTables = any;
export type ReadHandle<Tables = AnyTables> = ReadonlyKysely<Tables>;
export type WriteHandle<Tables = AnyTables> = Transaction<Tables>;

/**
 * Which history of which database a connection reads. State that was read from one lineage is not valid for another: after a failover
 * or a restore, transactions may be missing that the process has seen.
 */
export interface Lineage {
  /** The cluster's system identifier, assigned by initdb; empty if the login may not read it. */
  readonly system: string;
  /** The database's object identifier: a database that was dropped and restored in the same cluster has another. */
  readonly database: string;
  /** The timeline of the write-ahead log; a promotion or point-in-time recovery begins a new one. For a standby: the one that it has replayed. */
  readonly timeline: number;
}

/** What a replica must have replayed before it may answer. */
export interface ReplicaNeed {
  /** Every transaction below it; a horizon of the primary, as in the log (platform/log/event.ts). */
  readonly horizon: string;
  /** The primary's lineage; undefined if it is not known yet. */
  readonly lineage: Lineage | undefined;
}

/** A server that replays the primary's writes, and may lack the last ones. */
export interface Replica {
  /** Like `Database.read`, on the replica. Rejects with `ReplicaBehind` before `work` begins if the replica does not meet `need`. */
  read<T>(scope: Scope, need: ReplicaNeed, work: (db: ReadHandle) => Promise<T>): Promise<T>;
  /** Rejects when the replica cannot answer, or does not meet `need`. */
  ping(need: ReplicaNeed): Promise<void>;
}

/** A connection pool: its maximum size, the connections in use and idle, and the waiting calls. */
export interface PoolState {
  readonly pool: "write" | "read" | "owner";
  readonly max: number;
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

/** The database port. Its adapters are PGlite and PostgreSQL; both use the same SQL and Kysely types. */
export interface Database {
  readonly kind: "pglite" | "postgresql";
  /** An additional server for queries ({@link ReplicaReads}). All other reads go to the primary. */
  readonly replica: Replica | undefined;
  /** Runs reads on the primary under `scope`, in one snapshot-less read-only transaction (each statement sees what is committed). */
  read<T>(scope: Scope, work: (db: ReadHandle) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in one transaction under `scope`: committed when it resolves, rolled back when it rejects. Rejects with `OutcomeUnknown`
   * if the connection was lost during the commit.
   */
  transact<T>(scope: Scope, work: (tx: WriteHandle) => Promise<T>): Promise<T>;
  /**
   * The login itself, without a scope and without a time limit, for migrations and the doctor. If the login bypasses row-level
   * security, it sees all rows; otherwise it sees no tenant's rows.
   */
  readonly owner: Kysely<AnyTables>;
  /** The current state of the connection pools; the embedded database has none. */
  connections(): readonly PoolState[];
  /** Rejects when the primary cannot answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
