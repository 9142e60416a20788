import { sql } from "kysely";
import type { access } from "#modules/authorization/access/index.ts";
import type { ReadApisOf, Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { estimateCount } from "#platform/database/estimate-count.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { changedKey, newKey } from "#platform/names/stored-keys.ts";
import type { Organization, OrganizationStatus } from "./model.ts";
import { organizationNames, organizationSlugs } from "./names.ts";
import { erasureReads, erasureWrites } from "./store/erasures.ts";
import { invitationReads, invitationWrites } from "./store/invitations.ts";
import type { MembershipRow, Memberships, NewOrganization, OrganizationRow, PageOf, Tables } from "./store/tables.ts";

export type { ErasureRow, InvitationRow, MembershipRow, OrganizationRow } from "./store/tables.ts";

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

type AccessApi = ReadApisOf<{ readonly access: typeof access }>["access"];

/** Excludes organizations that are being erased; only the queries of the erasure see them. */
const notBeingErased = sql<boolean>`not exists (select from erased_organizations e where e.id = organizations.id)`;

async function organizationsCreatedBy(db: ReadHandle<Tables> | WriteHandle<Tables>, userId: string): Promise<number> {
  const row = await firstRow(db, sql<{ count: number }>`select count(*)::int as count from organizations where made_by = ${userId}`);
  return row?.count ?? 0;
}

function reads(db: ReadHandle<Tables>) {
  return {
    ...invitationReads(db),
    ...erasureReads(db),
    organizationsCreatedBy: (userId: string): Promise<number> => organizationsCreatedBy(db, userId),
    async countByStatus(): Promise<readonly { readonly label: string; readonly value: number }[]> {
      const counted = await estimateCount(db as unknown as ReadHandle, { table: "organizations", by: sql`status` });
      const rows = await rowsOf(
        db,
        sql<{ count: number }>`
        select count(*)::int as count from erased_organizations where finished_at is null`,
      );
      return [...counted, { label: "Erasing", value: rows[0]?.count ?? 0 }];
    },
    organizationById: (id: string): Promise<OrganizationRow | undefined> =>
      db.selectFrom("organizations").selectAll().where("id", "=", id).where(notBeingErased).executeTakeFirst(),
    organizationPage({ after, limit }: PageOf): Promise<OrganizationRow[]> {
      let query = db.selectFrom("organizations").selectAll().where(notBeingErased).orderBy("id").limit(limit);
      if (after !== undefined) query = query.where("id", ">", after);
      return query.execute();
    },
    /** The organizations of a user; only the one with the id `only` where the session is limited to it. */
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
    /** The roles of a membership; empty where it is not in this scope. */
    async rolesOfMembership(accessApi: AccessApi, organizationId: string | null, id: string): Promise<readonly string[]> {
      const row = await db
        .selectFrom("memberships")
        .select("user_id")
        .where(ofTenant(organizationId))
        .where("id", "=", id)
        .executeTakeFirst();
      return row ? ((await accessApi.rolesOf([row.user_id], organizationId)).get(row.user_id) ?? []) : [];
    },
    /** The user of a membership; undefined where it is not in this scope. */
    async userOfMembership(organizationId: string | null, id: string): Promise<string | undefined> {
      const query = db.selectFrom("memberships").select("user_id").where(ofTenant(organizationId)).where("id", "=", id);
      return (await query.executeTakeFirst())?.user_id;
    },
    async organizationCounts(erasedWithinHours: number): Promise<{ readonly present: number; readonly erased: number }> {
      const counts = await firstRow(
        db,
        sql<{ present: string; erased: string }>`
      select (select count(*) from organizations where ${notBeingErased}) as present,
      (select count(*) from erased_organizations where erased_at > now() - make_interval(hours => ${erasedWithinHours})) as erased`,
      );
      return { present: Number(counts?.present), erased: Number(counts?.erased) };
    },
  };
}

function writes(tx: WriteHandle<Tables>) {
  return {
    ...invitationWrites(tx),
    ...erasureWrites(tx),
    insertOrganization: (row: NewOrganization): Promise<OrganizationRow> =>
      tx
        .insertInto("organizations")
        .values({ ...row, ...newKey(organizationNames, row.name), ...newKey(organizationSlugs, row.slug) })
        .returningAll()
        .executeTakeFirstOrThrow(),
    /** The number of existing organizations that the account created. Serialized by a lock, for the quota. */
    async organizationsForQuota(userId: string): Promise<number> {
      await lockForQuota(tx, "organizations", userId);
      return organizationsCreatedBy(tx, userId);
    },
    /** Locks an organization. Every change of its owners takes this lock. Undefined where it does not exist or is being erased. */
    async lockOrganization(id: string): Promise<OrganizationRow | undefined> {
      const row = await tx.selectFrom("organizations").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
      // Checked under the lock: a concurrent erasure may have started before.
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
    /** The lock of every change of internal administrators. An advisory lock, because the internal scope has no row. */
    async lockInternalScope(): Promise<void> {
      await sql`select pg_advisory_xact_lock(hashtext('tenancy.internal_scope'))`.execute(tx);
    },
  };
}

export type TenancyReads = ReturnType<typeof reads>;
export const tenancyStore: Store<TenancyReads, ReturnType<typeof writes>> = { reads, writes };
