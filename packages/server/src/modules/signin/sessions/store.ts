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
  /** The authentication methods (RFC 8176) and time of the sign-in. */
  readonly authentication_methods: readonly string[];
  readonly authenticated_at: Date;
  /** The party that authenticated the user: `local`, or the name of an identity provider or sign-in service. */
  readonly auth_provider: string;
  /** Whether the session has a refresh token. It does not expire by disuse then. */
  readonly renewable: boolean;
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

/** Limits the transaction, which delays the log's horizon. */
export const endBatchSize = 1_000;

interface EndFilter {
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
    byId: (id: string): Promise<SessionRow | undefined> => db.selectFrom("sessions").selectAll().where("id", "=", id).executeTakeFirst(),
    byTokenHash: (tokenHash: string): Promise<SessionRow | undefined> =>
      db.selectFrom("sessions").selectAll().where("token", "=", tokenHash).executeTakeFirst(),
    /** Live sessions of a user, newest first. */
    live(userId: string, now: Date, idleSince: Date, range: { after: string | undefined; limit: number }): Promise<SessionRow[]> {
      let query = db
        .selectFrom("sessions")
        .selectAll()
        .where("user_id", "=", userId)
        .where("expires_at", ">", now)
        .where((row) => row.or([row("renewable", "=", true), row("last_active_at", ">", idleSince)]))
        .orderBy("id", "desc")
        .limit(range.limit);
      if (range.after !== undefined) query = query.where("id", "<", range.after);
      return query.execute();
    },
  };
}

function writes(tx: WriteHandle<Tables>) {
  return {
    insert: (row: Sessions): Promise<SessionRow> => tx.insertInto("sessions").values(row).returningAll().executeTakeFirstOrThrow(),
    /** Ends a session of the user; undefined where they have no such session. */
    end: (userId: string, id: string): Promise<SessionRow | undefined> =>
      tx.deleteFrom("sessions").where("user_id", "=", userId).where("id", "=", id).returningAll().executeTakeFirst(),
    /** Records a use of a session that has not expired, and locks it until the transaction ends. */
    use: (id: string, now: Date): Promise<SessionRow | undefined> =>
      tx
        .updateTable("sessions")
        .set({ last_active_at: now })
        .where("id", "=", id)
        .where("expires_at", ">", now)
        .returningAll()
        .executeTakeFirst(),
    async makeRenewable(id: string): Promise<void> {
      await tx.updateTable("sessions").set({ renewable: true }).where("id", "=", id).where("renewable", "=", false).execute();
    },
    /** Ends the sessions of a user except the newest `max`. */
    endOldest: (userId: string, max: number): Promise<SessionRow[]> =>
      tx
        .deleteFrom("sessions")
        .where("id", "in", (db) =>
          db.selectFrom("sessions").select("id").where("user_id", "=", userId).orderBy("id", "desc").offset(max).limit(endBatchSize),
        )
        .returningAll()
        .execute(),
    /** Ends at most {@link endBatchSize} sessions created until a time, of one user or of all, except one session. */
    endBatch({ userId, except, until }: EndFilter): Promise<SessionRow[]> {
      return tx
        .deleteFrom("sessions")
        .where("id", "in", (db) => {
          let batch = db.selectFrom("sessions").select("id").where("created_at", "<=", until).limit(endBatchSize);
          if (userId !== undefined) batch = batch.where("user_id", "=", userId);
          return except === undefined ? batch : batch.where("id", "!=", except);
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
    /** Deletes at most `limit` sessions past their absolute limit, or without a refresh token and not used since `idleSince`. */
    deleteExpired(now: Date, idleSince: Date, limit: number): Promise<readonly ExpiredSession[]> {
      const isExpired = sql<boolean>`(expires_at <= ${now} or (last_active_at <= ${idleSince} and not renewable))`;
      return (
        tx
          .deleteFrom("sessions")
          .where("id", "in", (db) => db.selectFrom("sessions").select("id").where(isExpired).limit(limit))
          // Repeated, so that a session that is used concurrently is checked again and not deleted.
          .where(isExpired)
          .returning(["id", "user_id", "organization_id", "expires_at"])
          .execute()
      );
    },
  };
}

/**
 * Deletes sessions of the users in `given`, with a lateral look-up for each user. PostgreSQL does not know the number of rows in a
 * parameter, and would read every session for a plain join.
 */
async function deleteOfEach(tx: WriteHandle<Tables>, given: RawBuilder<unknown>, condition: RawBuilder<unknown>): Promise<void> {
  await sql`delete from sessions where id = any(array(
    select found.id from ${given}
    cross join lateral (select id from sessions where user_id = given.user_id and ${condition} offset 0) found))`.execute(tx);
}

export const sessionStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
