import { type RawBuilder, type Selectable, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { estimateCount } from "#platform/database/estimate-count.ts";
import { asRows } from "#platform/database/many-rows.ts";

interface Sessions {
  readonly id: string;
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly token: string;
  readonly user_epoch: number;
  /** How the user was proven when the session began, and when (RFC 8176). */
  readonly authentication_methods: readonly string[];
  readonly authenticated_at: Date;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly expires_at: Date;
  readonly created_at: Date;
  readonly last_active_at: Date;
}

interface Tables {
  readonly sessions: Sessions;
}

export type SessionRow = Selectable<Sessions>;
export type ExpiredSession = Pick<SessionRow, "id" | "user_id" | "organization_id" | "expires_at">;

/** One transaction must not hold the log's horizon back for long. */
export const endedAtOnce = 1_000;

interface EndSome {
  readonly userId?: string;
  readonly except?: string;
  readonly until: Date;
}

function reads(db: ReadHandle<Tables>) {
  return {
    async countLive(now: Date): Promise<number> {
      const counts = await estimateCount(db as unknown as ReadHandle, { table: "sessions", where: sql`expires_at > ${now}` });
      return counts[0]?.value ?? 0;
    },
    byTokenHash: (tokenHash: string): Promise<SessionRow | undefined> =>
      db.selectFrom("sessions").selectAll().where("token", "=", tokenHash).executeTakeFirst(),
    /** Live sessions of a user, newest first. */
    live(userId: string, now: Date, idleSince: Date, place: { after: string | undefined; limit: number }): Promise<SessionRow[]> {
      let query = db
        .selectFrom("sessions")
        .selectAll()
        .where("user_id", "=", userId)
        .where("expires_at", ">", now)
        .where("last_active_at", ">", idleSince)
        .orderBy("id", "desc")
        .limit(place.limit);
      if (place.after !== undefined) query = query.where("id", "<", place.after);
      return query.execute();
    },
  };
}

function writes(tx: WriteHandle<Tables>) {
  return {
    insert: (row: Sessions): Promise<SessionRow> => tx.insertInto("sessions").values(row).returningAll().executeTakeFirstOrThrow(),
    /** Ends a session of the user; undefined when they have no such session. */
    end: (userId: string, id: string): Promise<SessionRow | undefined> =>
      tx.deleteFrom("sessions").where("user_id", "=", userId).where("id", "=", id).returningAll().executeTakeFirst(),
    /** Ends the oldest sessions of a user beyond the newest `max`. */
    endBeyond: (userId: string, max: number): Promise<SessionRow[]> =>
      tx
        .deleteFrom("sessions")
        .where("id", "in", (db) =>
          db.selectFrom("sessions").select("id").where("user_id", "=", userId).orderBy("id", "desc").offset(max).limit(endedAtOnce),
        )
        .returningAll()
        .execute(),
    /** Ends at most {@link endedAtOnce} sessions that began until then, of a user or of everybody, but one. */
    endSome({ userId, except, until }: EndSome): Promise<SessionRow[]> {
      return tx
        .deleteFrom("sessions")
        .where("id", "in", (db) => {
          let some = db.selectFrom("sessions").select("id").where("created_at", "<=", until).limit(endedAtOnce);
          if (userId !== undefined) some = some.where("user_id", "=", userId);
          return except === undefined ? some : some.where("id", "!=", except);
        })
        .returningAll()
        .execute();
    },
    async endEarlierEpochs(users: readonly { readonly user_id: string; readonly epoch: number }[]): Promise<void> {
      await deleteOfEach(tx, asRows({ user_id: "uuid", epoch: "integer" }, users), sql`user_epoch < given.epoch`);
    },
    async endInOrganizations(members: readonly { readonly user_id: string; readonly organization_id: string }[]): Promise<void> {
      await deleteOfEach(tx, asRows({ user_id: "uuid", organization_id: "uuid" }, members), sql`organization_id = given.organization_id`);
    },
    async recordActivity(active: readonly { readonly id: string; readonly at: Date }[]): Promise<void> {
      if (active.length === 0) return;
      await sql`update sessions set last_active_at = greatest(last_active_at, given.at)
        from ${asRows({ id: "uuid", at: "timestamptz" }, active)} where sessions.id = given.id`.execute(tx);
    },
    /** Some of the sessions whose time is over, or who were not used since. */
    deleteExpired(now: Date, idleSince: Date, limit: number): Promise<readonly ExpiredSession[]> {
      const isOver = sql<boolean>`(expires_at <= ${now} or last_active_at <= ${idleSince})`;
      return (
        tx
          .deleteFrom("sessions")
          .where("id", "in", (db) => db.selectFrom("sessions").select("id").where(isOver).limit(limit))
          // Asked again: one that is being used in this moment is looked at once more, and goes on.
          .where(isOver)
          .returning(["id", "user_id", "organization_id", "expires_at"])
          .execute()
      );
    },
  };
}

/**
 * Deletes sessions of the users in `given`, looked up user by user: joined with the rows that a parameter holds, of which PostgreSQL knows
 * no number, every session is read.
 */
async function deleteOfEach(tx: WriteHandle<Tables>, given: RawBuilder<unknown>, condition: RawBuilder<unknown>): Promise<void> {
  await sql`delete from sessions where id = any(array(
    select found.id from ${given}
    cross join lateral (select id from sessions where user_id = given.user_id and ${condition} offset 0) found))`.execute(tx);
}

export const sessionStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
