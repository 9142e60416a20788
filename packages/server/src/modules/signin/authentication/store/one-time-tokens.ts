import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";

export type Purpose = "verify-email" | "reset-password" | "set-up";

/** The data of a repeated registration of an address, applied by its confirmation. */
export interface Registration {
  readonly passwordHash: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}

interface OneTimeTokens {
  /** SHA-256 of the token. */
  readonly hash: string;
  readonly purpose: Purpose;
  /** Null for a token without a user, such as the set-up link. */
  readonly user_id: string | null;
  /** A repeated registration, for `verify-email`; null where the link confirms the user's row and password as they are. */
  readonly data: Registration | null;
  readonly created_at: Date;
  /** Null for a token without expiry. */
  readonly expires_at: Date | null;
  readonly used_at: Date | null;
}

interface Tables {
  readonly one_time_tokens: OneTimeTokens;
}

export interface NewToken {
  readonly hash: string;
  readonly expiresAt: Date;
}

export interface UserToken {
  readonly userId: string;
  readonly registration: Registration | undefined;
}

/**
 * The most valid confirmation links of an address. A further registration is not stored and invalidates none of them: the owner of the
 * mailbox can set a password with any of them. A sign-in may verify as many hashes (methods/password.ts).
 */
const confirmationsMax = 5;
/** The most valid links to reset a password. */
const resetLinksMax = 5;

interface Link {
  readonly hash: string;
  readonly expiresAt: Date | null;
  readonly isOwn: boolean;
}

interface ConfirmationLinks {
  readonly all: readonly Link[];
  /** The newest link of the user's own registration. */
  readonly own: Link | undefined;
  /** The oldest other link, where it has expired. */
  readonly expired: Link | undefined;
}

export function tokenReads(db: ReadHandle<Tables>) {
  return {
    /** The user of an unused token, also of an expired one. */
    async unusedToken(hash: string, purpose: Purpose): Promise<UserToken | undefined> {
      const row = await db
        .selectFrom("one_time_tokens")
        .select(["user_id", "data"])
        .where("hash", "=", hash)
        .where("purpose", "=", purpose)
        .where("used_at", "is", null)
        .executeTakeFirst();
      return row?.user_id ? { userId: row.user_id, registration: row.data ?? undefined } : undefined;
    },
    async setUpIsOpen(): Promise<boolean> {
      const open = db.selectFrom("one_time_tokens").select("hash").where("purpose", "=", "set-up").where("used_at", "is", null);
      return (await open.executeTakeFirst()) !== undefined;
    },
  };
}

export function tokenWrites(tx: WriteHandle<Tables>) {
  /** The confirmation links of a user's address, sorted by expiry. The caller must hold the user's lock. */
  async function confirmationLinks(userId: string, now: Date): Promise<ConfirmationLinks> {
    const rows: readonly Link[] = await tx
      .selectFrom("one_time_tokens")
      .select(["hash", "expires_at as expiresAt"])
      .select(sql<boolean>`data is null`.as("isOwn"))
      .where("user_id", "=", userId)
      .where("purpose", "=", "verify-email")
      .where("used_at", "is", null)
      .orderBy("expires_at")
      .execute();
    const own = rows.findLast(({ isOwn }) => isOwn);
    const oldest = rows.find((link) => link !== own);
    return { all: rows, own, expired: oldest?.expiresAt && oldest.expiresAt <= now ? oldest : undefined };
  }
  const insert = async (purpose: Purpose, userId: string, token: NewToken, data: Registration | null, now: Date): Promise<void> => {
    await sql`insert into one_time_tokens (hash, purpose, user_id, data, created_at, expires_at)
      values (${token.hash}, ${purpose}, ${userId}, ${data === null ? null : JSON.stringify(data)}::jsonb, ${now}, ${token.expiresAt})`.execute(
      tx,
    );
  };
  const remove = async (hash: string): Promise<void> => {
    await tx.deleteFrom("one_time_tokens").where("hash", "=", hash).execute();
  };
  return {
    /** Stores a user's first registration: their password and confirmation link. One statement, like a repeated registration. */
    async addFirstRegistration(userId: string, passwordHash: string, token: NewToken, now: Date): Promise<void> {
      await sql`with password as (
          insert into credentials (id, user_id, kind, secret, created_at) values (${uuid()}, ${userId}, 'password', ${passwordHash}, ${now})
        )
        insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
        values (${token.hash}, 'verify-email', ${userId}, ${now}, ${token.expiresAt})`.execute(tx);
    },
    /**
     * Stores a repeated registration of an address, under the address's lock. It has a link and a password of its own, and does not change
     * the earlier ones. Where there are too many, it replaces an expired one, or is not stored.
     */
    async addRegistration(userId: string, registration: Registration, token: NewToken, now: Date): Promise<void> {
      const { all, expired } = await confirmationLinks(userId, now);
      if (all.length >= confirmationsMax) {
        if (expired === undefined) return;
        await remove(expired.hash);
      }
      await insert("verify-email", userId, token, registration, now);
    },
    /** Adds a link to an unconfirmed user's own registration. The previous link remains valid unless there are too many. */
    async renewConfirmation(userId: string, token: NewToken, now: Date): Promise<void> {
      const { all, own, expired } = await confirmationLinks(userId, now);
      const replaced = expired ?? own;
      if (all.length >= confirmationsMax && replaced !== undefined) await remove(replaced.hash);
      await insert("verify-email", userId, token, null, now);
    },
    /** Adds a reset link; false where there are too many valid ones. The caller must hold the user's lock. */
    async addResetLink(userId: string, token: NewToken, now: Date): Promise<boolean> {
      const ofUser = tx.deleteFrom("one_time_tokens").where("user_id", "=", userId).where("purpose", "=", "reset-password");
      await ofUser.where("expires_at", "<=", now).execute();
      const live = await tx
        .selectFrom("one_time_tokens")
        .select("hash")
        .where("user_id", "=", userId)
        .where("purpose", "=", "reset-password")
        .where("used_at", "is", null)
        .execute();
      if (live.length >= resetLinksMax) return false;
      await insert("reset-password", userId, token, null, now);
      return true;
    },
    /** Consumes a token: of concurrent uses one succeeds. False where it is unknown, expired or used. */
    async consume(hash: string, purpose: Purpose, now: Date): Promise<boolean> {
      const { numUpdatedRows } = await tx
        .updateTable("one_time_tokens")
        .set({ used_at: now, data: null })
        .where("hash", "=", hash)
        .where("purpose", "=", purpose)
        .where("used_at", "is", null)
        .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", now)]))
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    /** Deletes the unused tokens of a user and purpose, and returns the registration of each. */
    async deleteUnused(userId: string, purpose: Purpose): Promise<readonly (Registration | undefined)[]> {
      const rows = await tx
        .deleteFrom("one_time_tokens")
        .where("user_id", "=", userId)
        .where("purpose", "=", purpose)
        .where("used_at", "is", null)
        .returning("data")
        .execute();
      return rows.map(({ data }) => data ?? undefined);
    },
    /** Opens the set-up. Only the newest link is valid. */
    async openSetUp(hash: string, now: Date): Promise<void> {
      await sql`insert into one_time_tokens (hash, purpose, created_at) values (${hash}, 'set-up', ${now})
        on conflict (purpose) where purpose = 'set-up' and used_at is null
        do update set hash = excluded.hash, created_at = excluded.created_at`.execute(tx);
    },
    async closeSetUp(): Promise<void> {
      await tx.deleteFrom("one_time_tokens").where("purpose", "=", "set-up").where("used_at", "is", null).execute();
    },
    /** Deletes at most `limit` tokens that were used until then, and returns their number. */
    async prune(usedUntil: Date, limit: number): Promise<number> {
      const { numDeletedRows } = await tx
        .deleteFrom("one_time_tokens")
        .where("hash", "in", (db) => db.selectFrom("one_time_tokens").select("hash").where("used_at", "<=", usedUntil).limit(limit))
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
