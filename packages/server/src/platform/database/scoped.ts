import { type Kysely, type RawBuilder, sql } from "kysely";
import { OutcomeUnknown, Unavailable } from "../unavailable.ts";
import { type AnyTables, type Database, everyTenant, type PoolState, type ReadHandle, type Scope, type WriteHandle } from "./database.ts";
import { translated } from "./faults.ts";

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
 * {@link applicationRole} for the length of the transaction; any other login is held by FORCE ROW LEVEL SECURITY.
 */
export function scopedDatabase(handles: Handles, close: () => Promise<void>): Database {
  const { writer, reader } = handles;
  const stepDown = once(() => bypassesRowSecurity(writer));

  const enter = async (tx: WriteHandle, scope: Scope, access: "read only" | "read write"): Promise<void> => {
    const settings = [
      sql`set_config('app.tenant', ${scope.tenant}, true), set_config('app.user', ${scope.user ?? ""}, true)`,
      ...((await stepDown()) ? [sql`set_config('role', ${applicationRole}, true)`] : []),
      // As a setting too, because PGlite's driver begins every transaction as one that may write.
      ...(access === "read only" ? [sql`set_config('transaction_read_only', 'on', true)`] : []),
    ];
    await sql`select ${sql.join(settings)}`.execute(tx);
  };

  return {
    kind: handles.kind,
    replica:
      reader === writer
        ? undefined
        : {
            head: () => translated(() => flushed(writer)),
            reached: () => translated(() => replayed(reader)),
            ping: () => translated(() => answers(reader)),
          },
    owner: handles.owner,
    connections: handles.connections ?? (() => []),
    read: (scope, work) =>
      translated(async () => {
        await stepDown();
        return reader
          .transaction()
          .setAccessMode("read only")
          .execute(async (tx) => {
            await enter(tx, scope, "read only");
            return work(tx as unknown as ReadHandle);
          });
      }),
    transact: async (scope, work) => {
      let worked = false;
      try {
        return await translated(async () => {
          // Asked before the transaction begins: on the one connection of PGlite the question would wait for itself.
          await stepDown();
          return writer.transaction().execute(async (tx) => {
            await enter(tx, scope, "read write");
            const result = await work(tx);
            worked = true;
            return result;
          });
        });
      } catch (error) {
        // All that was left to do was COMMIT, which may have been heard although its answer was not.
        if (worked && error instanceof Unavailable) throw new OutcomeUnknown("database", error, error.ending);
        throw error;
      }
    },
    ping: () => translated(() => answers(writer)),
    close,
  };
}

/**
 * Lets the rest of a transaction see every tenant's rows. For what the kernel itself adds after a use case has run: the
 * log and the trail, whose rows may be of no tenant.
 */
export async function widen(tx: WriteHandle): Promise<void> {
  await sql`select set_config('app.tenant', ${everyTenant.tenant}, true)`.execute(tx);
}

async function answers(db: Kysely<AnyTables>): Promise<void> {
  await sql`select 1`.execute(db);
}

const flushed = (db: Kysely<AnyTables>): Promise<bigint> => position(db, sql`pg_current_wal_flush_lsn()`);

/** A reader that is no standby is the primary itself, by another address. */
const replayed = (db: Kysely<AnyTables>): Promise<bigint> =>
  position(db, sql`case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end`);

async function position(db: Kysely<AnyTables>, place: RawBuilder<unknown>): Promise<bigint> {
  const { rows } = await sql<{ position: string }>`select (${place} - '0/0'::pg_lsn)::text as position`.execute(db);
  return BigInt((rows[0] as { position: string }).position);
}

async function bypassesRowSecurity(db: Kysely<AnyTables>): Promise<boolean> {
  const { rows } = await sql<{ bypasses: boolean }>`
    select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user`.execute(db);
  return rows[0]?.bypasses ?? false;
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask().catch((error) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}
