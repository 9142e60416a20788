import { type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { deleteSome } from "#platform/database/prune.ts";

interface OpenidState {
  /** The model of the library: AuthorizationCode, Grant, Session. */
  readonly kind: string;
  /** The hash of the id, which is the secret of a token. */
  readonly id_hash: string;
  /** The encrypted payload. */
  readonly payload: string;
  /** The hash of the id of the grant that it belongs to. */
  readonly grant_hash: string | null;
  /** Of a refresh token: the hash of the one that it replaced. */
  readonly parent_hash: string | null;
  readonly user_code_hash: string | null;
  /** The session of this product that it ends with. */
  readonly session_id: string | null;
  readonly expires_at: Date;
  readonly consumed_at: Date | null;
  /** How often a refresh token has been used. */
  readonly uses: number;
  /** True of a refresh token whose successor has been used. */
  readonly is_superseded: boolean;
}

interface Tables {
  readonly openid_state: OpenidState;
}

export type StateRow = Selectable<OpenidState>;
export type NewState = Pick<
  StateRow,
  "kind" | "id_hash" | "payload" | "grant_hash" | "parent_hash" | "user_code_hash" | "session_id" | "expires_at"
>;

/** When a refresh token can be used again, and how often. */
export interface RefreshGrace {
  readonly since: Date;
  readonly usesMax: number;
}

export const stateReads = (db: ReadHandle<Tables>) => ({
  state: (kind: string, idHash: string, now: Date): Promise<StateRow | undefined> =>
    db
      .selectFrom("openid_state")
      .selectAll()
      .where("kind", "=", kind)
      .where("id_hash", "=", idHash)
      .where("expires_at", ">", now)
      .executeTakeFirst(),
  stateByUserCode: (hashes: readonly string[], now: Date): Promise<StateRow | undefined> =>
    db
      .selectFrom("openid_state")
      .selectAll()
      .where("user_code_hash", "=", sql<string>`any(${[...hashes]}::text[])`)
      .where("expires_at", ">", now)
      .executeTakeFirst(),
});

export const stateWrites = (tx: WriteHandle<Tables>) => ({
  /** Inserts a row, or replaces the payload of an unconsumed one. */
  async putState(row: NewState): Promise<void> {
    await tx
      .insertInto("openid_state")
      .values({ ...row, consumed_at: null, uses: 0, is_superseded: false })
      .onConflict((on) =>
        on.columns(["kind", "id_hash"]).doUpdateSet((excluded) => ({
          payload: excluded.ref("excluded.payload"),
          grant_hash: excluded.ref("excluded.grant_hash"),
          session_id: excluded.ref("excluded.session_id"),
          expires_at: excluded.ref("excluded.expires_at"),
        })),
      )
      .execute();
  },
  /** As {@link putState}, for a row that ends with the session of its grant. False where that has ended, or the row has another grant. */
  async putGrantedState({ session_id: _, ...row }: NewState & { readonly grant_hash: string }, now: Date): Promise<boolean> {
    const { numAffectedRows } = await sql`
      insert into openid_state (kind, id_hash, payload, grant_hash, parent_hash, user_code_hash, session_id, expires_at)
      select ${row.kind}, ${row.id_hash}, ${row.payload}, ${row.grant_hash}, ${row.parent_hash}, ${row.user_code_hash}, session_id,
        ${row.expires_at}
      from openid_state where kind = 'Grant' and id_hash = ${row.grant_hash} and expires_at > ${now}
      on conflict (kind, id_hash) do update set payload = excluded.payload, grant_hash = excluded.grant_hash,
        session_id = excluded.session_id, expires_at = excluded.expires_at
      where openid_state.grant_hash is null or openid_state.grant_hash = excluded.grant_hash`.execute(tx);
    return numAffectedRows === 1n;
  },
  /** Inserts a row that may exist once. False where it exists, whether or not it has expired. */
  async insertStateOnce(row: NewState): Promise<boolean> {
    const inserted = await tx
      .insertInto("openid_state")
      .values({ ...row, consumed_at: null, uses: 0, is_superseded: false })
      .onConflict((on) => on.doNothing())
      .returning("kind")
      .executeTakeFirst();
    return inserted !== undefined;
  },
  /** Consumes what is used once. False where another request has, or it has ended. */
  async consumeState(kind: string, idHash: string, now: Date): Promise<boolean> {
    const consumed = await tx
      .updateTable("openid_state")
      .set({ consumed_at: now })
      .where("kind", "=", kind)
      .where("id_hash", "=", idHash)
      .where("consumed_at", "is", null)
      .where("expires_at", ">", now)
      .returning("kind")
      .executeTakeFirst();
    return consumed !== undefined;
  },
  /**
   * Uses a refresh token, and ends the grace of the one that it replaced. False where it has been used before the grace, too often, or its
   * successor has been used.
   */
  async useRefreshToken(idHash: string, { since, usesMax }: RefreshGrace, now: Date): Promise<boolean> {
    const { rows } = await sql<{ used: boolean }>`
      with used as (
        update openid_state set consumed_at = coalesce(consumed_at, ${now}), uses = uses + 1
        where kind = 'RefreshToken' and id_hash = ${idHash} and expires_at > ${now} and not is_superseded and uses < ${usesMax}
          and (consumed_at is null or consumed_at > ${since})
        returning parent_hash
      ), superseded as (
        update openid_state set is_superseded = true from used
        where openid_state.kind = 'RefreshToken' and openid_state.id_hash = used.parent_hash
      )
      select true as used from used`.execute(tx);
    return rows.length > 0;
  },
  async deleteState(kind: string, idHash: string): Promise<void> {
    await tx.deleteFrom("openid_state").where("kind", "=", kind).where("id_hash", "=", idHash).execute();
  },
  async deleteStateOfGrant(kind: string, grantHash: string): Promise<void> {
    await tx.deleteFrom("openid_state").where("grant_hash", "=", grantHash).where("kind", "=", kind).execute();
  },
  /** Deletes the rows of a grant, and returns those that have not expired. */
  takeStateOfGrant: (kind: string, grantHash: string, now: Date): Promise<StateRow[]> =>
    tx
      .deleteFrom("openid_state")
      .where("grant_hash", "=", grantHash)
      .where("kind", "=", kind)
      .where("expires_at", ">", now)
      .returningAll()
      .execute(),
  /** Deletes at most `limit` expired rows, and returns their number. */
  deleteExpiredState: (now: Date, limit: number): Promise<number> => deleteSome(tx, "openid_state", sql`expires_at <= ${now}`, limit),
});
