import { type Kysely, sql } from "kysely";
import type { AnyTables, Database, ReadHandle, Scope, WriteHandle } from "./database.ts";
import { translated } from "./faults.ts";

/** The role that a bypassing login steps down to inside every transaction. Made by the first migration. */
export const applicationRole = "gatehouse_app";

interface Handles {
  readonly kind: Database["kind"];
  readonly writer: Kysely<AnyTables>;
  readonly reader: Kysely<AnyTables>;
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

  const enter = async (tx: WriteHandle, scope: Scope): Promise<void> => {
    const user = scope.user ?? "";
    await ((await stepDown())
      ? sql`select set_config('role', ${applicationRole}, true), set_config('app.tenant', ${scope.tenant}, true), set_config('app.user', ${user}, true)`
      : sql`select set_config('app.tenant', ${scope.tenant}, true), set_config('app.user', ${user}, true)`
    ).execute(tx);
  };

  return {
    kind: handles.kind,
    owner: writer,
    read: (scope, work) =>
      translated(async () => {
        await stepDown();
        return reader
          .transaction()
          .setAccessMode("read only")
          .execute(async (tx) => {
            await enter(tx, scope);
            return work(tx as unknown as ReadHandle);
          });
      }),
    transact: (scope, work) =>
      translated(async () => {
        // Asked before the transaction begins: on the one connection of PGlite the question would wait for itself.
        await stepDown();
        return writer.transaction().execute(async (tx) => {
          await enter(tx, scope);
          return work(tx);
        });
      }),
    ping: () => translated(async () => void (await sql`select 1`.execute(reader))),
    close,
  };
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
