import type { Generated, Insertable, Selectable } from "kysely";
import { sql } from "kysely";
import type { Store } from "../../operation/module.ts";
import { countAbout } from "../../platform/database/count-about.ts";
import type { ReadHandle, WriteHandle } from "../../platform/database/database.ts";
import { anyOf } from "../../platform/database/many-rows.ts";
import type { SessionFacts, SignInFacts, User, UserStatus } from "./model.ts";

interface Users {
  readonly id: string;
  readonly email: string;
  readonly password_hash: string;
  readonly status: UserStatus;
  readonly first_name: string;
  readonly last_name: string;
  readonly locale: string;
  readonly password_reset_token: string | null;
  readonly password_reset_token_expires_at: Date | null;
  readonly email_verification_token: string | null;
  readonly email_verification_token_expires_at: Date | null;
  readonly session_epoch: Generated<number>;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface EarlierRegistrations {
  readonly email_verification_token: string;
  readonly email_verification_token_expires_at: Date;
  readonly user_id: string;
  readonly password_hash: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly locale: string;
}

interface Tables {
  readonly users: Users;
  readonly earlier_registrations: EarlierRegistrations;
}

export type UserRow = Selectable<Users>;

export const toUser = (row: UserRow): User => ({
  id: row.id,
  email: row.email,
  firstName: row.first_name,
  lastName: row.last_name,
  locale: row.locale,
  status: row.status,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  version: row.version,
});

/** What a registration fixes and a confirmation brings to life. */
export interface Registration {
  readonly passwordHash: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
  readonly tokenHash: string;
  readonly tokenExpiresAt: Date;
}

/** More pending registrations of one address are noise; the oldest links stop working. */
const earlierRegistrationsMax = 5;

function reads(db: ReadHandle<Tables>) {
  const byId = (id: string): Promise<UserRow | undefined> => db.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst();
  return {
    countByStatus: () => countAbout(db as unknown as ReadHandle, { table: "users", by: sql`status` }),
    byId,
    byEmail: (email: string): Promise<UserRow | undefined> =>
      db.selectFrom("users").selectAll().where(sql<string>`lower(email)`, "=", email.toLowerCase()).executeTakeFirst(),
    byIds: (ids: readonly string[]): Promise<UserRow[]> =>
      ids.length === 0 ? Promise.resolve([]) : db.selectFrom("users").selectAll().where("id", "=", anyOf(ids, "uuid")).execute(),
    page: (after: string | undefined, limit: number, email?: string): Promise<UserRow[]> => {
      let query = db.selectFrom("users").selectAll().orderBy("id").limit(limit);
      if (after !== undefined) query = query.where("id", ">", after);
      if (email !== undefined) query = query.where(sql<string>`lower(email)`, "=", email.toLowerCase());
      return query.execute();
    },
    async signInFacts(email: string): Promise<SignInFacts | undefined> {
      const row = await db
        .selectFrom("users")
        .select(["id", "email", "password_hash", "status"])
        .where(sql<string>`lower(email)`, "=", email.toLowerCase())
        .executeTakeFirst();
      return row && { userId: row.id, email: row.email, passwordHash: row.password_hash, status: row.status };
    },
    /** The address that a reset token was mailed to. */
    async addressOfResetToken(tokenHash: string): Promise<string | undefined> {
      return (await db.selectFrom("users").select("email").where("password_reset_token", "=", tokenHash).executeTakeFirst())?.email;
    },
    async sessionFacts(userId: string): Promise<SessionFacts | undefined> {
      const row = await db.selectFrom("users").select(["status", "session_epoch"]).where("id", "=", userId).executeTakeFirst();
      return row && { status: row.status, sessionEpoch: row.session_epoch };
    },
    /** The epoch that sessions of each of these users are to have; those who are not there are left out. */
    async sessionEpochs(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
      const rows = await db.selectFrom("users").select(["id", "session_epoch"]).where("id", "=", anyOf(ids, "uuid")).execute();
      return new Map(rows.map((row) => [row.id, row.session_epoch]));
    },
  };
}

/** Sessions carry the epoch in which they began; those of an earlier one are over, whatever a clock says. */
const endSessions = { session_epoch: sql<number>`session_epoch + 1` };

function writes(tx: WriteHandle<Tables>) {
  const touch = (now: Date) => ({ updated_at: now, version: sql<number>`version + 1` });
  return {
    async insert(user: Insertable<Users>): Promise<UserRow> {
      return tx.insertInto("users").values(user).returningAll().executeTakeFirstOrThrow();
    },
    /** Locks the address, also one that nobody has yet: of two that register it at the same moment one comes after the other. */
    async lockByEmail(email: string): Promise<UserRow | undefined> {
      const address = email.toLowerCase();
      await sql`select pg_advisory_xact_lock(hashtext('identity.address'), hashtext(${address}))`.execute(tx);
      return tx.selectFrom("users").selectAll().where(sql<string>`lower(email)`, "=", address).forUpdate().executeTakeFirst();
    },
    /** In the order of their ids, so that two who lock the same users do not wait for each other. */
    lockByIds: (ids: readonly string[]): Promise<UserRow[]> =>
      tx.selectFrom("users").selectAll().where("id", "=", anyOf(ids, "uuid")).orderBy("id").forUpdate().execute(),
    lockById: (id: string): Promise<UserRow | undefined> =>
      tx.selectFrom("users").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),

    /** Puts a new registration of an unconfirmed address first; the one before keeps its own link and password. */
    async supersedeRegistration(current: UserRow, next: Registration, now: Date): Promise<void> {
      if (current.email_verification_token && current.email_verification_token_expires_at) {
        await tx
          .insertInto("earlier_registrations")
          .values({
            email_verification_token: current.email_verification_token,
            email_verification_token_expires_at: current.email_verification_token_expires_at,
            user_id: current.id,
            password_hash: current.password_hash,
            first_name: current.first_name,
            last_name: current.last_name,
            locale: current.locale,
          })
          .execute();
        await sql`delete from earlier_registrations where email_verification_token in (
          select email_verification_token from earlier_registrations where user_id = ${current.id}
          order by email_verification_token_expires_at desc offset ${earlierRegistrationsMax})`.execute(tx);
      }
      await tx
        .updateTable("users")
        .set({ ...registered(next), ...touch(now) })
        .where("id", "=", current.id)
        .execute();
    },

    /**
     * Spends a confirmation token in one guarded update: the user becomes active with the password of the registration
     * that the token was mailed for. Undefined when no unconfirmed user has the token.
     */
    async confirm(tokenHash: string, now: Date): Promise<UserRow | undefined> {
      await this.bringBack(tokenHash, now);
      const row = await tx
        .updateTable("users")
        .set({
          status: "Active",
          email_verification_token: null,
          email_verification_token_expires_at: null,
          ...touch(now),
        })
        .where("email_verification_token", "=", tokenHash)
        .where("email_verification_token_expires_at", ">", now)
        .where("status", "=", "PendingConfirmation")
        .returningAll()
        .executeTakeFirst();
      if (row) await tx.deleteFrom("earlier_registrations").where("user_id", "=", row.id).execute();
      return row;
    },

    /** Makes the earlier registration with this token the current one again. */
    async bringBack(tokenHash: string, now: Date): Promise<void> {
      const earlier = await tx
        .deleteFrom("earlier_registrations")
        .where("email_verification_token", "=", tokenHash)
        .returningAll()
        .executeTakeFirst();
      if (!earlier) return;
      await tx
        .updateTable("users")
        .set({
          password_hash: earlier.password_hash,
          first_name: earlier.first_name,
          last_name: earlier.last_name,
          locale: earlier.locale,
          email_verification_token: earlier.email_verification_token,
          email_verification_token_expires_at: earlier.email_verification_token_expires_at,
          ...touch(now),
        })
        .where("id", "=", earlier.user_id)
        .where("status", "=", "PendingConfirmation")
        .execute();
    },

    async tokenExists(column: "email_verification_token" | "password_reset_token", tokenHash: string): Promise<boolean> {
      return (await tx.selectFrom("users").select("id").where(column, "=", tokenHash).executeTakeFirst()) !== undefined;
    },

    async setResetToken(id: string, tokenHash: string, expiresAt: Date): Promise<void> {
      await tx
        .updateTable("users")
        .set({ password_reset_token: tokenHash, password_reset_token_expires_at: expiresAt })
        .where("id", "=", id)
        .execute();
    },

    /** Spends a reset token in one guarded update. Whoever can read the mail has also confirmed the address. */
    resetPassword: (tokenHash: string, passwordHash: string, now: Date): Promise<UserRow | undefined> =>
      tx
        .updateTable("users")
        .set({
          password_hash: passwordHash,
          password_reset_token: null,
          password_reset_token_expires_at: null,
          ...endSessions,
          ...touch(now),
        })
        .where("password_reset_token", "=", tokenHash)
        .where("password_reset_token_expires_at", ">", now)
        .where("status", "=", "Active")
        .returningAll()
        .executeTakeFirst(),

    /** Replaces a hash of an old kind, unless the password was changed meanwhile. */
    async replaceHash(id: string, from: string, to: string): Promise<void> {
      await tx.updateTable("users").set({ password_hash: to }).where("id", "=", id).where("password_hash", "=", from).execute();
    },

    updateProfile: (id: string, profile: { firstName: string; lastName: string; locale: string }, now: Date): Promise<UserRow> =>
      tx
        .updateTable("users")
        .set({ first_name: profile.firstName, last_name: profile.lastName, locale: profile.locale, ...touch(now) })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),

    /** A suspension also ends every session that began before. */
    setStatus: (id: string, status: UserStatus, now: Date): Promise<UserRow> =>
      tx
        .updateTable("users")
        .set({ status, ...touch(now), ...(status === "Suspended" ? endSessions : {}) })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),
  };
}

export const registered = (registration: Registration) => ({
  password_hash: registration.passwordHash,
  first_name: registration.firstName,
  last_name: registration.lastName,
  locale: registration.locale,
  email_verification_token: registration.tokenHash,
  email_verification_token_expires_at: registration.tokenExpiresAt,
});

export const identityStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
