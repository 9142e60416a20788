import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";
import { deleteSome } from "#platform/database/prune.ts";

/** Longer than a request may be old (`encrypted-messages.ts`): what is older is refused for its age. */
const retentionSeconds = 300;

/**
 * Takes a command's id, once in the installation. False where it was taken before: somebody sent the message again, or the asking process
 * did because it was told, rightly or not, that nobody serves.
 */
export function takeCall(database: Database, id: string): Promise<boolean> {
  return database.transact(everyTenant, async (tx) => {
    const { numAffectedRows } = await sql`insert into rpc_calls (id) values (${id}::uuid) on conflict do nothing`.execute(tx);
    return numAffectedRows === 1n;
  });
}

/** Forgets at most `limit` ids that no message may have any more, and says how many. */
export const pruneCalls = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "rpc_calls", sql`taken_at < ${now}::timestamptz - make_interval(secs => ${retentionSeconds})`, limit);

export const rpcSteps: readonly SchemaStep[] = [
  {
    name: "0205_operation_rpc_calls",
    why: "commands that came from another process, so that none is done twice; not logged, because a message is refused for its age soon after",
    async up(db) {
      await sql`create unlogged table rpc_calls (id uuid primary key, taken_at timestamptz not null default now())`.execute(db);
      await sql`create index rpc_calls_by_age on rpc_calls (taken_at)`.execute(db);
      await sharedTable(db, "rpc_calls");
    },
  },
];
