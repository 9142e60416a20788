import { type Selectable, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { deleteSome } from "#platform/database/prune.ts";
import type { Algorithm, Stage } from "./model.ts";
import type { NewSigningKey } from "./signing-keys.ts";

interface SigningKeys extends NewSigningKey {
  readonly algorithm: Algorithm;
  readonly stage: Stage;
  readonly published_at: Date;
  readonly activated_at: Date | null;
  /** Of a previous key: when its last token has expired. */
  readonly expires_at: Date | null;
}

interface RefreshChains {
  readonly id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly encrypted_secret: string;
  /** The number of the refresh token that is valid now. */
  readonly generation: number;
  readonly rotated_at: Date;
  readonly expires_at: Date;
}

interface RevokedTokens {
  readonly id: string;
  readonly revoked_at: Date;
  readonly expires_at: Date;
}

interface ExchangedTokens {
  readonly id: string;
  readonly kind: "impersonation" | "delegation";
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly actor_kind: "user" | "service";
  readonly actor_id: string;
  readonly session_id: string;
  readonly scopes: readonly string[];
  readonly reason: string | null;
  readonly created_at: Date;
  readonly expires_at: Date;
}

interface Tables {
  readonly signing_keys: SigningKeys;
  readonly refresh_chains: RefreshChains;
  readonly revoked_tokens: RevokedTokens;
  readonly exchanged_tokens: ExchangedTokens;
}

export type SigningKeyRow = Selectable<SigningKeys>;
export type RefreshChainRow = Selectable<RefreshChains>;
export type ExchangedTokenRow = Selectable<ExchangedTokens>;

function reads(db: ReadHandle<Tables>) {
  return {
    /** Every key whose tokens may still be valid. */
    publishedKeys: (now: Date): Promise<SigningKeyRow[]> =>
      db
        .selectFrom("signing_keys")
        .selectAll()
        .where((row) => row.or([row("expires_at", "is", null), row("expires_at", ">", now)]))
        .orderBy("id", "desc")
        .execute(),
    refreshChain: (id: string): Promise<RefreshChainRow | undefined> =>
      db.selectFrom("refresh_chains").selectAll().where("id", "=", id).executeTakeFirst(),
    async isRevoked(id: string): Promise<boolean> {
      return (await db.selectFrom("revoked_tokens").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
    },
    exchangedToken: (id: string): Promise<ExchangedTokenRow | undefined> =>
      db.selectFrom("exchanged_tokens").selectAll().where("id", "=", id).executeTakeFirst(),
    /** Tokens by which others act for a user, newest first. */
    exchangedTokensOf(userId: string, now: Date, range: { after: string | undefined; limit: number }): Promise<ExchangedTokenRow[]> {
      let query = db
        .selectFrom("exchanged_tokens")
        .selectAll()
        .where("user_id", "=", userId)
        .where("expires_at", ">", now)
        .orderBy("id", "desc")
        .limit(range.limit);
      if (range.after !== undefined) query = query.where("id", "<", range.after);
      return query.execute();
    },
  };
}

function writes(tx: WriteHandle<Tables>) {
  return {
    /** Inserts a key unless another one has its stage. */
    async insertKey(key: SigningKeys): Promise<boolean> {
      const row = await tx
        .insertInto("signing_keys")
        .values(key)
        .onConflict((on) => on.doNothing())
        .returning("id")
        .executeTakeFirst();
      return row !== undefined;
    },
    /** Locks the keys, so that rotations take turns. */
    lockKeys: (): Promise<SigningKeyRow[]> => tx.selectFrom("signing_keys").selectAll().orderBy("id").forUpdate().execute(),
    async retireKey(id: string, expiresAt: Date): Promise<void> {
      await tx.updateTable("signing_keys").set({ stage: "previous", expires_at: expiresAt }).where("id", "=", id).execute();
    },
    async activateKey(id: string, now: Date): Promise<void> {
      await tx.updateTable("signing_keys").set({ stage: "current", activated_at: now }).where("id", "=", id).execute();
    },
    async deleteKeys(ids: readonly string[]): Promise<void> {
      await tx.deleteFrom("signing_keys").where("id", "=", anyOf(ids, "uuid")).execute();
    },
    insertRefreshChain: async (row: RefreshChains): Promise<void> => void (await tx.insertInto("refresh_chains").values(row).execute()),
    /** Moves a chain to its next generation; undefined where `generation` is not the current one, or the chain has expired. */
    rotate: (id: string, generation: number, now: Date, expiresAt: Date): Promise<RefreshChainRow | undefined> =>
      tx
        .updateTable("refresh_chains")
        .set({ generation: generation + 1, rotated_at: now, expires_at: expiresAt })
        .where("id", "=", id)
        .where("generation", "=", generation)
        .where("expires_at", ">", now)
        .returningAll()
        .executeTakeFirst(),
    /** False where the token was revoked before. */
    async revokeToken(row: RevokedTokens): Promise<boolean> {
      const inserted = await tx
        .insertInto("revoked_tokens")
        .values(row)
        .onConflict((on) => on.doNothing())
        .returning("id")
        .executeTakeFirst();
      return inserted !== undefined;
    },
    insertExchangedToken: async (row: ExchangedTokens): Promise<void> =>
      void (await tx.insertInto("exchanged_tokens").values(row).execute()),
    /** Deletes at most `limit` rows that have expired, of every table together. */
    async prune(now: Date, limit: number): Promise<number> {
      let removed = 0;
      for (const table of ["refresh_chains", "revoked_tokens", "exchanged_tokens"]) {
        if (removed < limit) removed += await deleteSome(tx as WriteHandle, table, sql`expires_at <= ${now}`, limit - removed);
      }
      return removed;
    },
    /** Deletes a token by which others act for the user; undefined where there is none. */
    deleteExchangedToken: (userId: string, id: string): Promise<ExchangedTokenRow | undefined> =>
      tx.deleteFrom("exchanged_tokens").where("user_id", "=", userId).where("id", "=", id).returningAll().executeTakeFirst(),
  };
}

export const tokenStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
