import { type Generated, type Selectable, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import { countAbout } from "#platform/database/count-about.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf, insertMany } from "#platform/database/many-rows.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { changedKey, newKey } from "#platform/names/stored-keys.ts";
import type { InvitationStatus, Organization, OrganizationStatus } from "./model.ts";
import { organizationNames, organizationSlugs } from "./names.ts";

interface Organizations {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly status: OrganizationStatus;
  readonly country: string;
  readonly logo_asset_id: string | null;
  readonly name_key: string | null;
  readonly name_key_holder: Generated<string | null>;
  readonly slug_key: string | null;
  readonly slug_key_holder: Generated<string | null>;
  readonly made_by: string | null;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface Memberships {
  readonly id: string;
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly role_id: string;
  readonly version: Generated<number>;
  readonly joined_at: Date;
}

interface Invitations {
  readonly id: string;
  readonly organization_id: string;
  readonly invitee_email: string;
  readonly inviter_user_id: string | null;
  readonly role_id: string | null;
  readonly status: InvitationStatus;
  readonly token: string;
  readonly expires_at: Date;
  readonly created_at: Date;
}

interface InvitationRoles {
  readonly invitation_id: string;
  readonly role_id: string;
  readonly organization_id: string;
}

/** An organization that is erased, or is being erased while `finished_at` is null. */
interface ErasedOrganizations {
  readonly id: string;
  readonly erased_at: Date;
  readonly finished_at: Date | null;
  readonly members_total: Generated<number>;
  readonly members_removed: Generated<number>;
  readonly moved_at: Date | null;
}

interface Tables {
  readonly organizations: Organizations;
  readonly memberships: Memberships;
  readonly invitations: Invitations;
  readonly invitation_roles: InvitationRoles;
  readonly erased_organizations: ErasedOrganizations;
}

export type OrganizationRow = Selectable<Organizations>;
type NewOrganization = Omit<Organizations, "version" | "name_key" | "name_key_holder" | "slug_key" | "slug_key_holder">;
export type MembershipRow = Selectable<Memberships>;
export type InvitationRow = Selectable<Invitations>;
export type ErasureRow = Selectable<ErasedOrganizations>;

export const toOrganization = (row: OrganizationRow): Organization => ({
  id: row.id,
  name: row.name,
  slug: row.slug,
  status: row.status,
  country: row.country,
  logoAssetId: row.logo_asset_id,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  version: row.version,
});

interface RolesOf {
  rolesOf(userIds: readonly string[], organizationId: string | null): Promise<ReadonlyMap<string, readonly string[]>>;
}

interface PageOf {
  readonly after: string | undefined;
  readonly limit: number;
}

/** Hides an organization that is being erased from every query but those of its erasure. */
const notBeingErased = sql<boolean>`not exists (select from erased_organizations e where e.id = organizations.id)`;

async function organizationsMadeBy(db: ReadHandle<Tables> | WriteHandle<Tables>, userId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from organizations where made_by = ${userId}`.execute(
    db as never,
  );
  return rows[0]?.count ?? 0;
}

function reads(db: ReadHandle<Tables>) {
  return {
    organizationsMadeBy: (userId: string): Promise<number> => organizationsMadeBy(db, userId),
    async countByStatus(): Promise<readonly { readonly label: string; readonly value: number }[]> {
      const counted = await countAbout(db as unknown as ReadHandle, { table: "organizations", by: sql`status` });
      const rows = await rowsOf(
        db,
        sql<{ count: number }>`
        select count(*)::int as count from erased_organizations where finished_at is null`,
      );
      return [...counted, { label: "Erasing", value: rows[0]?.count ?? 0 }];
    },
    /** Seconds since the erasure moved that has stood for longest; 0 where none is under way. */
    async secondsErasureStands(): Promise<number> {
      const rows = await rowsOf(
        db,
        sql<{ seconds: string | null }>`
        select extract(epoch from clock_timestamp() - min(coalesce(moved_at, erased_at)))::text as seconds
        from erased_organizations where finished_at is null`,
      );
      return Math.max(0, Number(rows[0]?.seconds ?? 0));
    },
    /** Erasures that are not finished, the oldest first. */
    erasures: (limit: number): Promise<ErasureRow[]> =>
      db
        .selectFrom("erased_organizations")
        .selectAll()
        .where("finished_at", "is", null)
        .orderBy("erased_at")
        .orderBy("id")
        .limit(limit)
        .execute(),
    organizationById: (id: string): Promise<OrganizationRow | undefined> =>
      db.selectFrom("organizations").selectAll().where("id", "=", id).where(notBeingErased).executeTakeFirst(),
    organizationPage({ after, limit }: PageOf): Promise<OrganizationRow[]> {
      let query = db.selectFrom("organizations").selectAll().where(notBeingErased).orderBy("id").limit(limit);
      if (after !== undefined) query = query.where("id", ">", after);
      return query.execute();
    },
    /** The organizations of a user, or the one of them that their session is for. */
    organizationsOf(userId: string, only: string | null, { after, limit }: PageOf): Promise<OrganizationRow[]> {
      let query = db
        .selectFrom("organizations")
        .innerJoin("memberships", "memberships.organization_id", "organizations.id")
        .selectAll("organizations")
        .where("memberships.user_id", "=", userId)
        .where(notBeingErased)
        .orderBy("organizations.id")
        .limit(limit);
      if (only !== null) query = query.where("organizations.id", "=", only);
      if (after !== undefined) query = query.where("organizations.id", ">", after);
      return query.execute();
    },
    membershipOf: (userId: string, organizationId: string | null): Promise<MembershipRow | undefined> =>
      db.selectFrom("memberships").selectAll().where("user_id", "=", userId).where(ofTenant(organizationId)).executeTakeFirst(),
    membershipPage(organizationId: string | null, { after, limit }: PageOf): Promise<MembershipRow[]> {
      let query = db.selectFrom("memberships").selectAll().where(ofTenant(organizationId)).orderBy("id").limit(limit);
      if (after !== undefined) query = query.where("id", ">", after);
      return query.execute();
    },
    invitationById: (id: string): Promise<InvitationRow | undefined> =>
      db.selectFrom("invitations").selectAll().where("id", "=", id).executeTakeFirst(),
    invitationPage(
      organizationId: string,
      status: InvitationStatus | undefined,
      now: Date,
      { after, limit }: PageOf,
    ): Promise<InvitationRow[]> {
      let query = db.selectFrom("invitations").selectAll().where("organization_id", "=", organizationId).orderBy("id").limit(limit);
      // Time ends an invitation; that it has is marked later.
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
    /** The roles of a membership, none where it is not of this scope. */
    async rolesOfMembership(access: RolesOf, organizationId: string | null, id: string): Promise<readonly string[]> {
      const row = await db
        .selectFrom("memberships")
        .select("user_id")
        .where(ofTenant(organizationId))
        .where("id", "=", id)
        .executeTakeFirst();
      return row ? ((await access.rolesOf([row.user_id], organizationId)).get(row.user_id) ?? []) : [];
    },
    /** The user of a membership; undefined where it is not of this scope. */
    async userOfMembership(organizationId: string | null, id: string): Promise<string | undefined> {
      const query = db.selectFrom("memberships").select("user_id").where(ofTenant(organizationId)).where("id", "=", id);
      return (await query.executeTakeFirst())?.user_id;
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
    async organizationCounts(erasedWithinHours: number): Promise<{ readonly present: number; readonly erased: number }> {
      const { rows } = await sql<{ present: string; erased: string }>`
        select (select count(*) from organizations where ${notBeingErased}) as present,
          (select count(*) from erased_organizations where erased_at > now() - make_interval(hours => ${erasedWithinHours})) as erased`.execute(
        db as never,
      );
      return { present: Number(rows[0]?.present), erased: Number(rows[0]?.erased) };
    },
    async isErased(id: string): Promise<boolean> {
      return (await db.selectFrom("erased_organizations").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
    },
  };
}

function writes(tx: WriteHandle<Tables>) {
  return {
    insertOrganization: (row: NewOrganization): Promise<OrganizationRow> =>
      tx
        .insertInto("organizations")
        .values({ ...row, ...newKey(organizationNames, row.name), ...newKey(organizationSlugs, row.slug) })
        .returningAll()
        .executeTakeFirstOrThrow(),
    /** Organizations that the account has made and that are still there, counted one at a time. */
    async organizationsForQuota(userId: string): Promise<number> {
      await lockForQuota(tx, "organizations", userId);
      return organizationsMadeBy(tx, userId);
    },
    /** Open invitations of the organization, counted one at a time. */
    async invitationsForQuota(organizationId: string, now: Date): Promise<number> {
      await lockForQuota(tx, "invitations", organizationId);
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from invitations
        where organization_id = ${organizationId} and status = 'Pending' and expires_at > ${now}`.execute(tx);
      return rows[0]?.count ?? 0;
    },
    /** The lock that everything about an organization's owners is done under. */
    async lockOrganization(id: string): Promise<OrganizationRow | undefined> {
      const row = await tx.selectFrom("organizations").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
      // Asked under the lock: an erasure that had it before has begun.
      return row && (await tx.selectFrom("erased_organizations").select("id").where("id", "=", id).executeTakeFirst()) ? undefined : row;
    },
    updateOrganization: (
      id: string,
      change: { name: string; slug: string; country: string; logo_asset_id: string | null; status: OrganizationStatus },
      now: Date,
    ): Promise<OrganizationRow> =>
      tx
        .updateTable("organizations")
        .set({
          ...change,
          ...changedKey(organizationNames, change.name),
          ...changedKey(organizationSlugs, change.slug),
          updated_at: now,
          version: sql<number>`version + 1`,
        })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),

    insertMembership: (row: Omit<Memberships, "version">): Promise<MembershipRow | undefined> =>
      tx
        .insertInto("memberships")
        .values(row)
        .onConflict((conflict) => conflict.columns(["user_id", "organization_id"]).doNothing())
        .returningAll()
        .executeTakeFirst(),
    lockMembership: (organizationId: string | null, id: string): Promise<MembershipRow | undefined> =>
      tx.selectFrom("memberships").selectAll().where(ofTenant(organizationId)).where("id", "=", id).forUpdate().executeTakeFirst(),
    setFirstRole: (id: string, roleId: string): Promise<MembershipRow> =>
      tx
        .updateTable("memberships")
        .set({ role_id: roleId, version: sql<number>`version + 1` })
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),
    async removeMembership(id: string): Promise<void> {
      await tx.deleteFrom("memberships").where("id", "=", id).execute();
    },
    /** The lock that everything about internal administrators is done under; there is no row to lock. */
    async lockInternalScope(): Promise<void> {
      await sql`select pg_advisory_xact_lock(hashtext('tenancy.internal_scope'))`.execute(tx);
    },

    /** Marks what time has ended, so that the address can be invited anew. */
    async expireInvitations(organizationId: string, email: string, now: Date): Promise<void> {
      const ended = await tx
        .updateTable("invitations")
        .set({ status: "Expired" })
        .where("organization_id", "=", organizationId)
        .where(sql<string>`lower(invitee_email)`, "=", email.toLowerCase())
        .where("status", "=", "Pending")
        .where("expires_at", "<=", now)
        .returning("id")
        .execute();
      for (const { id } of ended) await tx.deleteFrom("invitation_roles").where("invitation_id", "=", id).execute();
    },
    /** Marks at most `limit` of those that time has ended, and says how many. */
    async expireSomeInvitations(now: Date, limit: number): Promise<number> {
      const { rows } = await sql<{ count: number }>`with ended as (
          update invitations set status = 'Expired' where status = 'Pending' and id in (
            select id from invitations where status = 'Pending' and expires_at <= ${now} order by expires_at limit ${limit}) returning id
        ), released as (
          delete from invitation_roles using ended where invitation_id = ended.id
        ) select count(*)::int as count from ended`.execute(tx);
      return rows[0]?.count ?? 0;
    },
    insertInvitation: async (row: Invitations, roleIds: readonly string[]): Promise<InvitationRow> => {
      const inserted = await tx.insertInto("invitations").values(row).returningAll().executeTakeFirstOrThrow();
      const offered = roleIds.map((id) => ({ invitation_id: row.id, role_id: id, organization_id: row.organization_id }));
      await insertMany(tx, "invitation_roles", { invitation_id: "uuid", role_id: "uuid", organization_id: "uuid" }, offered);
      return inserted;
    },
    /** Spends an invitation in one guarded update; undefined when it is not open, or has another token. */
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
    /** Ends an open invitation; undefined when it is not open. */
    revokeInvitation: (id: string, now: Date): Promise<InvitationRow | undefined> =>
      tx
        .updateTable("invitations")
        .set({ status: "Revoked" })
        .where("id", "=", id)
        .where("status", "=", "Pending")
        .where("expires_at", ">", now)
        .returningAll()
        .executeTakeFirst(),
    /** What was offered stays readable in the events; the rows would keep roles from being deleted. */
    async releaseOfferedRoles(invitationId: string): Promise<void> {
      await tx.deleteFrom("invitation_roles").where("invitation_id", "=", invitationId).execute();
    },

    /** Notes that the organization is being erased, and how many members it has. To be called under its lock. */
    async beginErasure(id: string, now: Date): Promise<void> {
      // A process of the release before does not know of erasures, and takes it for suspended.
      await tx.updateTable("organizations").set({ status: "Suspended" }).where("id", "=", id).execute();
      await sql`insert into erased_organizations (id, erased_at, members_total)
        values (${id}, ${now}, (select count(*) from memberships where organization_id = ${id}))`.execute(tx);
    },
    /** The erasure, held until the transaction ends; undefined where it is finished, or another process is at it. */
    lockErasure: (id: string): Promise<ErasureRow | undefined> =>
      tx
        .selectFrom("erased_organizations")
        .selectAll()
        .where("id", "=", id)
        .where("finished_at", "is", null)
        .forUpdate()
        .skipLocked()
        .executeTakeFirst(),
    async noteErased(id: string, members: number): Promise<void> {
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
    /** Removes at most `limit` invitations with the roles that they offer, and says how many. */
    async removeInvitations(organizationId: string, limit: number): Promise<number> {
      const { numAffectedRows } = await sql`
        delete from invitations where id in (select id from invitations where organization_id = ${organizationId} limit ${limit})`.execute(
        tx,
      );
      return Number(numAffectedRows);
    },
    /** Removes the organization's own row, and with it the little that still refers to it. The id is kept, so that what comes late for it is known. */
    async finishErasure(id: string, now: Date): Promise<void> {
      await tx.deleteFrom("organizations").where("id", "=", id).execute();
      await tx.updateTable("erased_organizations").set({ finished_at: now }).where("id", "=", id).execute();
    },
  };
}

export type TenancyReads = ReturnType<typeof reads>;
export const tenancyStore: Store<TenancyReads, ReturnType<typeof writes>> = { reads, writes };
