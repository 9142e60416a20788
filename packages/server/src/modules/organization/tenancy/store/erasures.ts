import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { ErasureRow, MembershipRow, Tables } from "./tables.ts";

export const erasureReads = (db: ReadHandle<Tables>) => ({
  /** Seconds since the last batch of the erasure that is idle for longest; 0 without an unfinished erasure. */
  async erasureIdleSeconds(): Promise<number> {
    const rows = await rowsOf(
      db,
      sql<{ seconds: string | null }>`
        select extract(epoch from clock_timestamp() - min(coalesce(moved_at, erased_at)))::text as seconds
        from erased_organizations where finished_at is null`,
    );
    return Math.max(0, Number(rows[0]?.seconds ?? 0));
  },
  /** The unfinished erasures, oldest first. */
  erasures: (limit: number): Promise<ErasureRow[]> =>
    db
      .selectFrom("erased_organizations")
      .selectAll()
      .where("finished_at", "is", null)
      .orderBy("erased_at")
      .orderBy("id")
      .limit(limit)
      .execute(),
  async isErased(id: string): Promise<boolean> {
    return (await db.selectFrom("erased_organizations").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
  },
});

export const erasureWrites = (tx: WriteHandle<Tables>) => ({
  /** Records the start of an erasure with the number of members. The caller must hold the organization's lock. */
  async beginErasure(id: string, now: Date): Promise<void> {
    // A process of the previous release does not know erasures: it treats the organization as suspended.
    await tx.updateTable("organizations").set({ status: "Suspended" }).where("id", "=", id).execute();
    await sql`insert into erased_organizations (id, erased_at, members_total)
        values (${id}, ${now}, (select count(*) from memberships where organization_id = ${id}))`.execute(tx);
  },
  /** Locks an erasure for the transaction; undefined where it is finished or locked by another process. */
  lockErasure: (id: string): Promise<ErasureRow | undefined> =>
    tx
      .selectFrom("erased_organizations")
      .selectAll()
      .where("id", "=", id)
      .where("finished_at", "is", null)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst(),
  async recordErasureBatch(id: string, members: number): Promise<void> {
    await sql`update erased_organizations set members_removed = members_removed + ${members}, moved_at = clock_timestamp()
        where id = ${id}`.execute(tx);
  },
  /** Removes at most `limit` memberships of the organization. */
  async removeMemberships(organizationId: string, limit: number): Promise<readonly Pick<MembershipRow, "id" | "user_id">[]> {
    const { rows } = await sql<Pick<MembershipRow, "id" | "user_id">>`
        delete from memberships where id in (
          select id from memberships where organization_id = ${organizationId} order by id limit ${limit}
        ) returning id, user_id`.execute(tx);
    return rows;
  },
  /** Deletes the organization's own row and the few rows that reference it. The id is retained, to recognize late messages. */
  async finishErasure(id: string, now: Date): Promise<void> {
    await tx.deleteFrom("organizations").where("id", "=", id).execute();
    await tx.updateTable("erased_organizations").set({ finished_at: now }).where("id", "=", id).execute();
  },
});
