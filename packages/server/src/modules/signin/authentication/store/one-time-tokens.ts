import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";

export type Purpose = "verify-email" | "reset-password" | "set-up";

/** What a further registration of an address fixes, and its confirmation brings to life. */
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
  /** Null: of no user, as the set-up link. */
  readonly user_id: string | null;
  /** Of `verify-email` a further registration; null where the link confirms the user's row and password as they are. */
  readonly data: Registration | null;
  readonly created_at: Date;
  /** Null: until it is used or replaced. */
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
 * Links to confirm one address that work beside each other. One more registration is not kept and ends none of them: the mailbox holds
 * links enough, and whoever has the mailbox chooses a password by any of them. As many hashes may be verified at a sign-in
 * (methods/password.ts).
 */
const confirmationsMax = 5;
/** Links to reset a password that work beside each other. */
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
  /** The oldest of the other links, where it has expired. */
  readonly expired: Link | undefined;
}

export function tokenReads(db: ReadHandle<Tables>) {
  return {
    /** The user of a token that was not used, also of an expired one. */
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
  /** The links that confirm a user's address, by their expiry; to be called under the user's lock. */
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
    /** Keeps a user's first registration: their password and the link that confirms it. One statement, as one more registration is. */
    async addFirstRegistration(userId: string, passwordHash: string, token: NewToken, now: Date): Promise<void> {
      await sql`with password as (
          insert into credentials (id, user_id, kind, secret, created_at) values (${uuid()}, ${userId}, 'password', ${passwordHash}, ${now})
        )
        insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
        values (${token.hash}, 'verify-email', ${userId}, ${now}, ${token.expiresAt})`.execute(tx);
    },
    /**
     * Keeps a further registration of an address that has a user, under the address's lock. It has a link and a password of its own and
     * changes nothing of those before. Where there are too many, it takes the place of one that has expired, or is not kept.
     */
    async addRegistration(userId: string, registration: Registration, token: NewToken, now: Date): Promise<void> {
      const { all, expired } = await confirmationLinks(userId, now);
      if (all.length >= confirmationsMax) {
        if (expired === undefined) return;
        await remove(expired.hash);
      }
      await insert("verify-email", userId, token, registration, now);
    },
    /** Gives an unconfirmed user's own registration one more link. The one before goes on working where there is room for it. */
    async renewConfirmation(userId: string, token: NewToken, now: Date): Promise<void> {
      const { all, own, expired } = await confirmationLinks(userId, now);
      const replaced = expired ?? own;
      if (all.length >= confirmationsMax && replaced !== undefined) await remove(replaced.hash);
      await insert("verify-email", userId, token, null, now);
    },
    /** Adds a link beside those that work; false where there are enough of them. To be called under the user's lock. */
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
    /** Spends a token: of several uses at the same moment one succeeds. False where it is unknown, expired or used. */
    async spend(hash: string, purpose: Purpose, now: Date): Promise<boolean> {
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
    /** Ends the other tokens of a user and purpose; answers what each would have confirmed. */
    async endUnused(userId: string, purpose: Purpose): Promise<readonly (Registration | undefined)[]> {
      const rows = await tx
        .deleteFrom("one_time_tokens")
        .where("user_id", "=", userId)
        .where("purpose", "=", purpose)
        .where("used_at", "is", null)
        .returning("data")
        .execute();
      return rows.map(({ data }) => data ?? undefined);
    },
    /** Opens the set-up, with one link at a time: the newest. */
    async openSetUp(hash: string, now: Date): Promise<void> {
      await sql`insert into one_time_tokens (hash, purpose, created_at) values (${hash}, 'set-up', ${now})
        on conflict (purpose) where purpose = 'set-up' and used_at is null
        do update set hash = excluded.hash, created_at = excluded.created_at`.execute(tx);
    },
    async closeSetUp(): Promise<void> {
      await tx.deleteFrom("one_time_tokens").where("purpose", "=", "set-up").where("used_at", "is", null).execute();
    },
    /** Deletes some of the tokens that were used until then; answers how many. */
    async prune(usedUntil: Date, limit: number): Promise<number> {
      const { numDeletedRows } = await tx
        .deleteFrom("one_time_tokens")
        .where("hash", "in", (db) => db.selectFrom("one_time_tokens").select("hash").where("used_at", "<=", usedUntil).limit(limit))
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
