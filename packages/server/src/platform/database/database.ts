import type { Kysely, Transaction } from "kysely";
import type { ReadonlyKysely } from "kysely/readonly";

/**
 * Whose rows a transaction may see. Row-level security enforces it: the tables compare their
 * `organization_id` (and, where a row also belongs to a person, their `user_id`) with these settings,
 * so a forgotten WHERE returns nothing of another tenant.
 */
export interface Scope {
  /** An organization's id; `internal` for rows of no organization; `*` for every tenant; `none` for no tenant's rows. */
  readonly tenant: string;
  /** Lets this user's own rows through, whichever organization they belong to. */
  readonly user?: string;
}

/** Every tenant's rows: for what has no tenant yet (sign-in) or serves all (the worker). State why at each use. */
export const everyTenant: Scope = { tenant: "*" };
export const internalScope: Scope = { tenant: "internal" };

export const tenantScope = (organizationId: string, user?: string): Scope =>
  user === undefined ? { tenant: organizationId } : { tenant: organizationId, user };

/** What belongs to this user and to no one else. */
export const userScope = (userId: string): Scope => ({ tenant: "none", user: userId });

// The port is shared by modules that each know their own tables only; a module's store narrows the type.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyTables = any;
export type ReadHandle<Tables = AnyTables> = ReadonlyKysely<Tables>;
export type WriteHandle<Tables = AnyTables> = Transaction<Tables>;

/**
 * Which history of which database a connection reads. What a process has read of one lineage says nothing of another: after a failover
 * or a restore, transactions may be missing that the process has seen.
 */
export interface Lineage {
  /** The system identifier that initdb gave the cluster; empty where the login may not read it. */
  readonly system: string;
  /** The database's object identifier: a database that was dropped and restored in the same cluster has another. */
  readonly database: string;
  /** The timeline of the write-ahead log; every promotion and point-in-time recovery begins a new one. Of a standby: the one it has replayed. */
  readonly timeline: number;
}

/** What a replica must have replayed before it may answer. */
export interface ReplicaNeed {
  /** Every transaction below it; a horizon of the primary, as in the log (platform/log/event.ts). */
  readonly horizon: string;
  /** The primary's lineage; undefined where it is not known yet. */
  readonly lineage: Lineage | undefined;
}

/** A server that replays what the primary has written, and may lack its last writes. */
export interface Replica {
  /** Like `Database.read`, on the replica. Rejects with `ReplicaBehind` before `work` begins where the replica lacks what is needed. */
  read<T>(scope: Scope, need: ReplicaNeed, work: (db: ReadHandle) => Promise<T>): Promise<T>;
  /** Rejects when the replica cannot answer, or lacks what is needed. */
  ping(need: ReplicaNeed): Promise<void>;
}

/** A pool of connections: how many are open at most, how many are at work, and how much waits for one. */
export interface PoolState {
  readonly pool: "write" | "read" | "owner";
  readonly max: number;
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

/** The database port. PGlite and PostgreSQL sit behind it; both speak the same SQL through the same Kysely types. */
export interface Database {
  readonly kind: "pglite" | "postgresql";
  /** Where queries may be answered too: {@link ReplicaReads}. Everything else reads what is committed. */
  readonly replica: Replica | undefined;
  /** Runs reads on the primary under `scope`, in one snapshot-less read-only transaction (each statement sees what is committed). */
  read<T>(scope: Scope, work: (db: ReadHandle) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in one transaction under `scope`: committed when it resolves, rolled back when it rejects. Rejects with `OutcomeUnknown`
   * where the database was lost while it committed.
   */
  transact<T>(scope: Scope, work: (tx: WriteHandle) => Promise<T>): Promise<T>;
  /**
   * The login itself, without a scope and without a time limit: migrations and the doctor. A login that bypasses row-level
   * security is outside of it here; any other sees no tenant's rows.
   */
  readonly owner: Kysely<AnyTables>;
  /** The pools of connections as they are now; the embedded database has none. */
  connections(): readonly PoolState[];
  /** Rejects when the database that is written to cannot answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
