import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";
import { deleteSome } from "#platform/database/prune.ts";

/** Longer than the maximal age of a request, above which it is refused (`encrypted-messages.ts`). */
const retentionSeconds = 300;

/**
 * Records the id of a command, once in the installation. False where it is recorded already: the message was replayed, or the calling
 * process retried because no process seemed to serve it.
 */
export function recordCall(database: Database, id: string): Promise<boolean> {
  return database.transact(everyTenant, async (tx) => {
    const { numAffectedRows } = await sql`insert into rpc_calls (id) values (${id}::uuid) on conflict do nothing`.execute(tx);
    return numAffectedRows === 1n;
  });
}

/** Deletes at most `limit` ids of expired messages, and returns their number. */
export const pruneCalls = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "rpc_calls", sql`taken_at < ${now}::timestamptz - make_interval(secs => ${retentionSeconds})`, limit);

export const rpcSteps: readonly SchemaStep[] = [
  {
    name: "0205_operation_rpc_calls",
    why: "the ids of commands from other processes, so that none runs twice; unlogged, because older messages are refused by their age anyway",
    async up(db) {
      await sql`create unlogged table rpc_calls (id uuid primary key, taken_at timestamptz not null default now())`.execute(db);
      await sql`create index rpc_calls_by_age on rpc_calls (taken_at)`.execute(db);
      await sharedTable(db, "rpc_calls");
    },
  },
];
