import { type Kysely, sql } from "kysely";
import { OutcomeUnknown, Unavailable } from "../unavailable.ts";
import {
  type AnyTables,
  type Database,
  everyTenant,
  type PoolState,
  type ReadHandle,
  type ReplicaNeed,
  type Scope,
  type WriteHandle,
} from "./database.ts";
import { isUnavailableToRead, translated } from "./driver-errors.ts";
import { type LineageReader, lineageReader } from "./lineage.ts";
import { ReplicaBehind } from "./replica-reads.ts";
import { firstRow } from "./rows.ts";

/** The role that a bypassing login steps down to inside every transaction. Made by the first migration. */
export const applicationRole = "gatehouse_app";

interface Handles {
  readonly kind: Database["kind"];
  readonly writer: Kysely<AnyTables>;
  readonly reader: Kysely<AnyTables>;
  readonly owner: Kysely<AnyTables>;
  readonly connections?: () => readonly PoolState[];
}

/**
 * Wraps Kysely handles so that every statement runs in a transaction that carries its scope.
 *
 * Settings are local to the transaction, never to the connection, so this is safe behind PgBouncer in
 * transaction mode. A login that could bypass row-level security (a superuser, PGlite's only user) steps down to
 * {@link applicationRole} for the length of the transaction. FORCE ROW LEVEL SECURITY applies to any other login.
 */
export function scopedDatabase(handles: Handles, close: () => Promise<void>): Database {
  const { writer, reader } = handles;
  const stepDown = once(() => bypassesRowSecurity(writer));

  const enter = async (tx: WriteHandle, scope: Scope, access: "read only" | "read write"): Promise<void> => {
    const settings = [
      sql`set_config('app.tenant', ${scope.tenant}, true), set_config('app.user', ${scope.user ?? ""}, true)`,
      ...((await stepDown()) ? [sql`set_config('role', ${applicationRole}, true)`] : []),
      // Also as a setting: PGlite's driver begins every transaction as read write.
      ...(access === "read only" ? [sql`set_config('transaction_read_only', 'on', true)`] : []),
    ];
    await sql`select ${sql.join(settings)}`.execute(tx);
  };

  const readLineage = lineageReader();
  const readOn = <T>(db: Kysely<AnyTables>, scope: Scope, work: (tx: ReadHandle) => Promise<T>): Promise<T> =>
    translated(async () => {
      await stepDown();
      return db
        .transaction()
        .setAccessMode("read only")
        .execute(async (tx) => {
          await enter(tx, scope, "read only");
          return work(tx as unknown as ReadHandle);
        });
    }, isUnavailableToRead);

  return {
    kind: handles.kind,
    replica:
      reader === writer
        ? undefined
        : {
            read: (scope, need, work) =>
              readOn(reader, scope, async (db) => {
                await refuseBehind(db, need, readLineage);
                return work(db);
              }),
            ping: (need) => translated(() => refuseBehind(reader, need, readLineage)),
          },
    owner: handles.owner,
    connections: handles.connections ?? (() => []),
    read: (scope, work) => readOn(writer, scope, work),
    transact: async (scope, work) => {
      let worked = false;
      try {
        return await translated(async () => {
          // Queried before the transaction begins: PGlite has one connection, so a query inside it would deadlock.
          await stepDown();
          return writer.transaction().execute(async (tx) => {
            await enter(tx, scope, "read write");
            const result = await work(tx);
            worked = true;
            return result;
          });
        });
      } catch (error) {
        // Only COMMIT was left. The server may have executed it although its answer was lost.
        if (worked && error instanceof Unavailable) throw new OutcomeUnknown("database", error, error.reason);
        throw error;
      }
    },
    ping: () => translated(() => answers(writer)),
    close,
  };
}

/**
 * Lets the rest of a transaction see every tenant's rows. The kernel uses it after a use case has run, for
 * the event log and the audit log: their rows may have no tenant.
 */
export async function widen(tx: WriteHandle): Promise<void> {
  await sql`select set_config('app.tenant', ${everyTenant.tenant}, true)`.execute(tx);
}

async function answers(db: Kysely<AnyTables>): Promise<void> {
  await sql`select 1`.execute(db);
}

/** Compares `xmin` alone: a standby's snapshot does not list transactions in progress (PostgreSQL, GetSnapshotData in recovery). */
async function refuseBehind(
  db: ReadHandle | Kysely<AnyTables>,
  { horizon, lineage }: ReplicaNeed,
  readLineage: LineageReader,
): Promise<void> {
  const snapshot = await firstRow(
    db,
    sql<{ replayed: boolean }>`
    select pg_snapshot_xmin(pg_current_snapshot()) >= ${horizon}::xid8 as replayed`,
  );
  if (!snapshot?.replayed) throw new ReplicaBehind("it lacks transactions");
  if (lineage === undefined) return;
  const own = await readLineage(db);
  if (own.system !== lineage.system || own.database !== lineage.database) throw new ReplicaBehind("it is not a replica of this database");
  // A standby that has not followed the last promotion may have transactions that the promotion lost.
  if (own.timeline < lineage.timeline && own.timeline > 0) throw new ReplicaBehind("it is on an older timeline");
}

async function bypassesRowSecurity(db: Kysely<AnyTables>): Promise<boolean> {
  const { rows } = await sql<{ bypasses: boolean }>`
    select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user`.execute(db);
  return rows[0]?.bypasses ?? false;
}

/** Calls `load` until it succeeds, then returns the same answer. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= load().catch((error) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}
