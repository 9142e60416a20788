import { type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";

interface SessionClients {
  readonly session_id: string;
  readonly client_id: string;
  readonly user_id: string;
  readonly created_at: Date;
}

interface Tables {
  readonly openid_session_clients: SessionClients;
}

export type SessionClientRow = Selectable<SessionClients>;

export const sessionClientReads = (db: ReadHandle<Tables>) => ({
  sessionClientsOf: (userIds: readonly string[]): Promise<SessionClientRow[]> =>
    db.selectFrom("openid_session_clients").selectAll().where("user_id", "=", anyOf(userIds, "uuid")).execute(),
});

export const sessionClientWrites = (tx: WriteHandle<Tables>) => ({
  async rememberSessionClient(row: SessionClients): Promise<void> {
    await tx
      .insertInto("openid_session_clients")
      .values(row)
      .onConflict((on) => on.doNothing())
      .execute();
  },
  /** Deletes the clients of sessions, and returns them. Of two callers one gets each. */
  takeSessionClients: (sessionIds: readonly string[]): Promise<SessionClientRow[]> =>
    tx.deleteFrom("openid_session_clients").where("session_id", "=", anyOf(sessionIds, "uuid")).returningAll().execute(),
  /** As {@link takeSessionClients}, for at most `limit` that are older than any session. */
  takeOldSessionClients: async (before: Date, limit: number): Promise<readonly SessionClientRow[]> =>
    (
      await sql<SessionClientRow>`delete from openid_session_clients where ctid = any(array(
        select ctid from openid_session_clients where created_at < ${before} limit ${limit})) returning *`.execute(tx)
    ).rows,
});
