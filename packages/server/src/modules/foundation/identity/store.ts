import type { Generated, Selectable } from "kysely";
import { sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { estimateCount } from "#platform/database/estimate-count.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import type { Profile, SessionFacts, User, UserStatus } from "./model.ts";

interface Users {
  readonly id: string;
  readonly email: string;
  readonly status: UserStatus;
  readonly first_name: string;
  readonly last_name: string;
  readonly locale: string;
  /** Null until the address is verified; a suspension does not change it. */
  readonly email_verified_at: Date | null;
  readonly email_undeliverable_at: Generated<Date | null>;
  readonly session_epoch: Generated<number>;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface Tables {
  readonly users: Users;
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

const profileColumns = ({ firstName, lastName, locale }: Profile) => ({ first_name: firstName, last_name: lastName, locale });

function reads(db: ReadHandle<Tables>) {
  return {
    countByStatus: () => estimateCount(db as unknown as ReadHandle, { table: "users", by: sql`status` }),
    byId: (id: string): Promise<UserRow | undefined> => db.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst(),
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
    async sessionFacts(userId: string): Promise<SessionFacts | undefined> {
      const row = await db.selectFrom("users").select(["status", "session_epoch"]).where("id", "=", userId).executeTakeFirst();
      return row && { status: row.status, sessionEpoch: row.session_epoch };
    },
    /** The current session epoch of each of these users; unknown users are left out. */
    async sessionEpochs(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
      const rows = await db.selectFrom("users").select(["id", "session_epoch"]).where("id", "=", anyOf(ids, "uuid")).execute();
      return new Map(rows.map((row) => [row.id, row.session_epoch]));
    },
  };
}

/** A session has the epoch in which it began. Incrementing the user's epoch ends it, independent of any clock. */
const endSessions = { session_epoch: sql<number>`session_epoch + 1` };

function writes(tx: WriteHandle<Tables>) {
  const touch = (now: Date) => ({ updated_at: now, version: sql<number>`version + 1` });
  return {
    insert: (user: User, now: Date): Promise<UserRow> =>
      tx
        .insertInto("users")
        .values({
          id: user.id,
          email: user.email,
          status: user.status,
          ...profileColumns(user),
          email_verified_at: user.status === "PendingConfirmation" ? null : now,
          created_at: now,
          updated_at: now,
        })
        .returningAll()
        .executeTakeFirstOrThrow(),
    /** Locks the address even without a user, so that two concurrent registrations of it run one after the other. */
    async lockByEmail(email: string): Promise<UserRow | undefined> {
      const address = email.toLowerCase();
      await sql`select pg_advisory_xact_lock(hashtext('identity.address'), hashtext(${address}))`.execute(tx);
      return tx.selectFrom("users").selectAll().where(sql<string>`lower(email)`, "=", address).forUpdate().executeTakeFirst();
    },
    /** Locks users in the order of their ids, so that two transactions that lock the same users do not deadlock. */
    lockByIds: (ids: readonly string[]): Promise<UserRow[]> =>
      tx.selectFrom("users").selectAll().where("id", "=", anyOf(ids, "uuid")).orderBy("id").forUpdate().execute(),
    lockById: (id: string): Promise<UserRow | undefined> =>
      tx.selectFrom("users").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
    /** Locks the user against changes until the transaction ends. The lock is shared. */
    async lockSessionFacts(userId: string): Promise<SessionFacts | undefined> {
      const row = await tx
        .selectFrom("users")
        .select(["status", "session_epoch"])
        .where("id", "=", userId)
        .forKeyShare()
        .executeTakeFirst();
      return row && { status: row.status, sessionEpoch: row.session_epoch };
    },

    /** Activates an unconfirmed user; undefined if the user is not unconfirmed. */
    markVerified: (id: string, profile: Profile | undefined, now: Date): Promise<UserRow | undefined> =>
      tx
        .updateTable("users")
        .set({
          status: "Active",
          email_verified_at: now,
          email_undeliverable_at: null,
          ...(profile === undefined ? {} : profileColumns(profile)),
          ...touch(now),
        })
        .where("id", "=", id)
        .where("status", "=", "PendingConfirmation")
        .returningAll()
        .executeTakeFirst(),

    /** Sets or clears when an address became undeliverable; undefined if no user has it. */
    setUndeliverable: (email: string, at: Date | null): Promise<UserRow | undefined> =>
      tx
        .updateTable("users")
        .set({ email_undeliverable_at: at })
        .where(sql<string>`lower(email)`, "=", email.toLowerCase())
        .returningAll()
        .executeTakeFirst(),

    /** Ends every earlier session. */
    endSessions: (id: string, now: Date): Promise<UserRow> =>
      tx
        .updateTable("users")
        .set({ ...endSessions, ...touch(now) })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),

    updateProfile: (id: string, profile: Profile, now: Date): Promise<UserRow> =>
      tx
        .updateTable("users")
        .set({ ...profileColumns(profile), ...touch(now) })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),

    /** Sets the status. A suspension also ends every earlier session. */
    setStatus: (id: string, status: UserStatus, now: Date): Promise<UserRow> =>
      tx
        .updateTable("users")
        .set({ status, ...touch(now), ...(status === "Suspended" ? endSessions : {}) })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),
  };
}

export const identityStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
