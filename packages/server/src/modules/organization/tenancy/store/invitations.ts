import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf, insertMany } from "#platform/database/many-rows.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import type { InvitationStatus } from "../model.ts";
import type { InvitationRow, Invitations, PageOf, Tables } from "./tables.ts";

export const invitationReads = (db: ReadHandle<Tables>) => ({
  invitationById: (id: string): Promise<InvitationRow | undefined> =>
    db.selectFrom("invitations").selectAll().where("id", "=", id).executeTakeFirst(),
  invitationPage(
    organizationId: string,
    status: InvitationStatus | undefined,
    now: Date,
    { after, limit }: PageOf,
  ): Promise<InvitationRow[]> {
    let query = db.selectFrom("invitations").selectAll().where("organization_id", "=", organizationId).orderBy("id").limit(limit);
    // The job updates the status of an expired invitation later.
    if (status === "Expired") {
      query = query.where((eb) =>
        eb.or([eb("status", "=", "Expired"), eb.and([eb("status", "=", "Pending"), eb("expires_at", "<=", now)])]),
      );
    }
    if (status === "Pending") query = query.where("status", "=", "Pending").where("expires_at", ">", now);
    if (status === "Accepted" || status === "Revoked") query = query.where("status", "=", status);
    if (after !== undefined) query = query.where("id", ">", after);
    return query.execute();
  },
  async rolesOffered(invitationIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    if (invitationIds.length === 0) return new Map();
    const rows = await db
      .selectFrom("invitation_roles")
      .select(["invitation_id", "role_id"])
      .where("invitation_id", "=", anyOf(invitationIds, "uuid"))
      .orderBy("role_id")
      .execute();
    const byInvitation = Map.groupBy(rows, (row) => row.invitation_id);
    return new Map([...byInvitation].map(([id, offered]) => [id, offered.map((row) => row.role_id)]));
  },
});

export const invitationWrites = (tx: WriteHandle<Tables>) => ({
  /** The number of open invitations of the organization. Serialized by a lock, for the quota. */
  async invitationsForQuota(organizationId: string, now: Date): Promise<number> {
    await lockForQuota(tx, "invitations", organizationId);
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from invitations
        where organization_id = ${organizationId} and status = 'Pending' and expires_at > ${now}`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  /** Updates the status of the address's expired invitations, so that it can be invited again. */
  async expireInvitations(organizationId: string, email: string, now: Date): Promise<void> {
    const expired = await tx
      .updateTable("invitations")
      .set({ status: "Expired" })
      .where("organization_id", "=", organizationId)
      .where(sql<string>`lower(invitee_email)`, "=", email.toLowerCase())
      .where("status", "=", "Pending")
      .where("expires_at", "<=", now)
      .returning("id")
      .execute();
    for (const { id } of expired) await tx.deleteFrom("invitation_roles").where("invitation_id", "=", id).execute();
  },
  /** Updates the status of at most `limit` expired invitations, and returns their number. */
  async expireSomeInvitations(now: Date, limit: number): Promise<number> {
    const { rows } = await sql<{ count: number }>`with expired as (
          update invitations set status = 'Expired' where status = 'Pending' and id in (
            select id from invitations where status = 'Pending' and expires_at <= ${now} order by expires_at limit ${limit}) returning id
        ), released as (
          delete from invitation_roles using expired where invitation_id = expired.id
        ) select count(*)::int as count from expired`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  insertInvitation: async (row: Invitations, roleIds: readonly string[]): Promise<InvitationRow> => {
    const inserted = await tx.insertInto("invitations").values(row).returningAll().executeTakeFirstOrThrow();
    const offered = roleIds.map((id) => ({ invitation_id: row.id, role_id: id, organization_id: row.organization_id }));
    await insertMany(tx, "invitation_roles", { invitation_id: "uuid", role_id: "uuid", organization_id: "uuid" }, offered);
    return inserted;
  },
  /** Accepts an invitation in one guarded update; undefined where it is not open, or has another token. */
  acceptInvitation: (id: string, tokenHash: string, now: Date): Promise<InvitationRow | undefined> =>
    tx
      .updateTable("invitations")
      .set({ status: "Accepted" })
      .where("id", "=", id)
      .where("token", "=", tokenHash)
      .where("status", "=", "Pending")
      .where("expires_at", ">", now)
      .returningAll()
      .executeTakeFirst(),
  /** Revokes an open invitation; undefined where it is not open. */
  revokeInvitation: (id: string, now: Date): Promise<InvitationRow | undefined> =>
    tx
      .updateTable("invitations")
      .set({ status: "Revoked" })
      .where("id", "=", id)
      .where("status", "=", "Pending")
      .where("expires_at", ">", now)
      .returningAll()
      .executeTakeFirst(),
  /** Deletes the offered roles of a closed invitation: the rows would prevent the deletion of the roles. The events retain them. */
  async releaseOfferedRoles(invitationId: string): Promise<void> {
    await tx.deleteFrom("invitation_roles").where("invitation_id", "=", invitationId).execute();
  },

  /** Deletes at most `limit` invitations with their offered roles, and returns their number. */
  async removeInvitations(organizationId: string, limit: number): Promise<number> {
    const { numAffectedRows } = await sql`
        delete from invitations where id in (select id from invitations where organization_id = ${organizationId} limit ${limit})`.execute(
      tx,
    );
    return Number(numAffectedRows);
  },
});
