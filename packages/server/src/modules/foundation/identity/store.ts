import type { Generated, Insertable, Selectable } from "kysely";
import { sql } from "kysely";
import type { Store } from "#operation/module.ts";
import { countAbout } from "#platform/database/count-about.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { SessionFacts, SignInFacts, User, UserStatus } from "./model.ts";
import { hashKind } from "./schema-steps.ts";

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
  readonly email_undeliverable_at: Generated<Date | null>;
  readonly session_epoch: Generated<number>;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Registrations of an address that has one already; the first one of an unconfirmed address stands in its user's row. */
interface EarlierRegistrations {
  readonly email_verification_token: string;
  readonly email_verification_token_expires_at: Date;
  readonly user_id: string;
  readonly password_hash: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly locale: string;
}

interface PasswordResetLinks {
  readonly token: string;
  readonly user_id: string;
  readonly expires_at: Date;
}

interface Tables {
  readonly users: Users;
  readonly earlier_registrations: EarlierRegistrations;
  readonly password_reset_links: PasswordResetLinks;
}

export type UserRow = Selectable<Users>;

export const toUser = (row: UserRow): User => ({
  id: row.id,
  email: row.email,
  firstName: row.first_name,
  lastName: row.last_name,
  locale: row.locale,
  status: row.status,
  emailUndeliverableAt: row.email_undeliverable_at?.toISOString() ?? null,
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

/**
 * Unconfirmed registrations of one address that are kept. One more is not kept and ends none of them: the mailbox holds links enough,
 * and whoever has the mailbox chooses a password by any of them. As many hashes may be verified at a sign-in (login.ts).
 */
const registrationsMax = 5;
/** Links to reset a password that work beside each other. */
const resetLinksMax = 5;
/** Kinds of hashes that are told; see passwords/decoys.ts. */
const hashKindsMax = 5;

/** A registration as its link finds it. */
export interface LinkedRegistration extends RegistrationNames {
  readonly email: string;
  readonly passwordHash: string;
}
interface RegistrationNames {
  readonly firstName: string;
  readonly lastName: string;
}

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
        .select(sql<string[]>`array(select r.password_hash from earlier_registrations r where r.user_id = users.id)`.as("others"))
        .where(sql<string>`lower(email)`, "=", email.toLowerCase())
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const registrations = row.status === "PendingConfirmation" ? [row.password_hash, ...row.others] : row.others;
      return {
        userId: row.id,
        email: row.email,
        passwordHash: row.password_hash,
        status: row.status,
        registrations: [...new Set(registrations)],
      };
    },
    /** What the hashes of all users begin with, each kind once. */
    async hashKinds(): Promise<readonly string[]> {
      const rows = await rowsOf(
        db,
        sql<{ kind: string }>`with recursive kinds as (
          (select ${hashKind} as kind from users where ${hashKind} is not null order by ${hashKind} limit 1)
          union all
          select (select ${hashKind} from users where ${hashKind} > kinds.kind order by ${hashKind} limit 1) from kinds where kinds.kind is not null
        ) select kind from kinds where kind is not null limit ${hashKindsMax}`,
      );
      return rows.map(({ kind }) => kind);
    },
    /** Whose password a reset token changes; undefined where there is no such token. */
    async ownerOfResetToken(tokenHash: string): Promise<UserRow | undefined> {
      const link = await db.selectFrom("password_reset_links").select("user_id").where("token", "=", tokenHash).executeTakeFirst();
      // A link of the release before stands in the user's row alone.
      return link === undefined
        ? db.selectFrom("users").selectAll().where("password_reset_token", "=", tokenHash).executeTakeFirst()
        : byId(link.user_id);
    },
    /** The registration whose link has this token; undefined where there is none. */
    async registrationOfToken(tokenHash: string): Promise<LinkedRegistration | undefined> {
      const own = await db.selectFrom("users").selectAll().where("email_verification_token", "=", tokenHash).executeTakeFirst();
      const found =
        own ??
        (await db
          .selectFrom("earlier_registrations as r")
          .innerJoin("users", "users.id", "r.user_id")
          .select(["users.email", "r.password_hash", "r.first_name", "r.last_name"])
          .where("r.email_verification_token", "=", tokenHash)
          .executeTakeFirst());
      return found && { email: found.email, passwordHash: found.password_hash, firstName: found.first_name, lastName: found.last_name };
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

    /**
     * Keeps a further registration of an address that has a user, to be called under the address's lock. It has a link and a password of
     * its own and changes nothing of those before. Where there are too many, it takes the place of one that has expired, or is not kept.
     */
    async addRegistration({ id, status }: UserRow, next: Registration, now: Date): Promise<void> {
      const others = await tx
        .selectFrom("earlier_registrations")
        .select(["email_verification_token as token", "email_verification_token_expires_at as expiresAt"])
        .where("user_id", "=", id)
        .orderBy("email_verification_token_expires_at")
        .execute();
      const max = status === "PendingConfirmation" ? registrationsMax - 1 : registrationsMax;
      if (others.length >= max) {
        const oldest = others[0];
        if (oldest === undefined || oldest.expiresAt > now) return;
        await tx.deleteFrom("earlier_registrations").where("email_verification_token", "=", oldest.token).execute();
      }
      await tx
        .insertInto("earlier_registrations")
        .values({ ...registered(next), user_id: id })
        .execute();
    },

    /**
     * Spends a confirmation token in one guarded update: the user becomes active with the password of the registration
     * that the token was mailed for. Undefined when no unconfirmed user has the token. `isContested` where the address was registered
     * more than once: then the token alone does not say whose password it is.
     */
    async confirm(tokenHash: string, now: Date): Promise<{ readonly row: UserRow; readonly isContested: boolean } | undefined> {
      const replaced = await this.bringBack(tokenHash, now);
      const row = await tx
        .updateTable("users")
        .set({
          status: "Active",
          email_verification_token: null,
          email_verification_token_expires_at: null,
          email_undeliverable_at: null,
          ...touch(now),
        })
        .where("email_verification_token", "=", tokenHash)
        .where("email_verification_token_expires_at", ">", now)
        .where("status", "=", "PendingConfirmation")
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const others = await tx.deleteFrom("earlier_registrations").where("user_id", "=", row.id).returning("password_hash").execute();
      // A further link of the same registration has its very hash.
      const hashes = [...others.map((other) => other.password_hash), ...(replaced === undefined ? [] : [replaced])];
      return { row, isContested: hashes.some((hash) => hash !== row.password_hash) };
    },

    /** Gives a user another password, without a link. */
    async setPasswordHash(id: string, passwordHash: string): Promise<void> {
      await tx.updateTable("users").set({ password_hash: passwordHash }).where("id", "=", id).execute();
    },

    /** Puts the further registration with this token into the user's row, and answers whose hash stood there; undefined where it is of none. */
    async bringBack(tokenHash: string, now: Date): Promise<string | undefined> {
      const earlier = await tx
        .deleteFrom("earlier_registrations")
        .where("email_verification_token", "=", tokenHash)
        .returningAll()
        .executeTakeFirst();
      if (!earlier) return undefined;
      const before = await this.lockById(earlier.user_id);
      const { user_id, ...registration } = earlier;
      await tx
        .updateTable("users")
        .set({ ...registration, ...touch(now) })
        .where("id", "=", user_id)
        .where("status", "=", "PendingConfirmation")
        .execute();
      return before?.password_hash;
    },

    async confirmationTokenExists(tokenHash: string): Promise<boolean> {
      return (await tx.selectFrom("users").select("id").where("email_verification_token", "=", tokenHash).executeTakeFirst()) !== undefined;
    },

    /** Gives an unconfirmed user's own registration one more link. The one before goes on working where there is room for it. */
    async renewConfirmation(user: UserRow, tokenHash: string, expiresAt: Date, now: Date): Promise<void> {
      if (user.email_verification_token && user.email_verification_token_expires_at) {
        await this.addRegistration(
          user,
          {
            passwordHash: user.password_hash,
            firstName: user.first_name,
            lastName: user.last_name,
            locale: user.locale,
            tokenHash: user.email_verification_token,
            tokenExpiresAt: user.email_verification_token_expires_at,
          },
          now,
        );
      }
      await tx
        .updateTable("users")
        .set({ email_verification_token: tokenHash, email_verification_token_expires_at: expiresAt })
        .where("id", "=", user.id)
        .where("status", "=", "PendingConfirmation")
        .execute();
    },

    /** Marks or unmarks an address that mails cannot be delivered to; undefined where nobody has it. */
    markUndeliverable: (email: string, at: Date | null): Promise<UserRow | undefined> =>
      tx
        .updateTable("users")
        .set({ email_undeliverable_at: at })
        .where(sql<string>`lower(email)`, "=", email.toLowerCase())
        .returningAll()
        .executeTakeFirst(),

    /** Adds a link beside those that work; false where there are enough of them. To be called under the user's lock. */
    async addResetLink(id: string, tokenHash: string, expiresAt: Date, now: Date): Promise<boolean> {
      await tx.deleteFrom("password_reset_links").where("user_id", "=", id).where("expires_at", "<=", now).execute();
      const live = await tx.selectFrom("password_reset_links").select("token").where("user_id", "=", id).execute();
      if (live.length >= resetLinksMax) return false;
      await tx.insertInto("password_reset_links").values({ token: tokenHash, user_id: id, expires_at: expiresAt }).execute();
      await tx
        .updateTable("users")
        .set({ password_reset_token: tokenHash, password_reset_token_expires_at: expiresAt })
        .where("id", "=", id)
        .execute();
      return true;
    },

    /**
     * Spends a reset token and every other link of the user, under the lock of the user's row: of two links at the same moment one
     * works. Whoever can read the mail has also confirmed the address. Undefined where the token does not work, or not any more.
     */
    async resetPassword(tokenHash: string, passwordHash: string, now: Date): Promise<UserRow | undefined> {
      const owner = await reads(tx as unknown as ReadHandle<Tables>).ownerOfResetToken(tokenHash);
      const user = owner && (await this.lockById(owner.id));
      if (user?.status !== "Active") return undefined;
      const link = await tx
        .deleteFrom("password_reset_links")
        .where("token", "=", tokenHash)
        .where("expires_at", ">", now)
        .returning("user_id")
        .executeTakeFirst();
      // A link of the release before stands in the user's row alone.
      const isOwn = user.password_reset_token === tokenHash && (user.password_reset_token_expires_at ?? now) > now;
      if (link === undefined && !isOwn) return undefined;
      await tx.deleteFrom("password_reset_links").where("user_id", "=", user.id).execute();
      return tx
        .updateTable("users")
        .set({
          password_hash: passwordHash,
          password_reset_token: null,
          password_reset_token_expires_at: null,
          ...endSessions,
          ...touch(now),
        })
        .where("id", "=", user.id)
        .returningAll()
        .executeTakeFirst();
    },

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
