import { type RawBuilder, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { allOf, anyOf, insertMany } from "#platform/database/many-rows.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { grouped } from "./grouped.ts";

interface RoleAssignments {
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly role_id: string;
  readonly assigned_at: Date;
}

export interface AssignmentTables {
  readonly role_assignments: RoleAssignments;
  readonly access_tenants: { readonly organization_id: string; readonly status: string };
}

/** Whether the holder of the assignment `a` is a user, not a service account. */
const isUser = sql`not exists (select from access_services s where s.service_id = a.user_id)`;

/** Queries about role assignments. The column `user_id` holds the ids of users and of service accounts. */
export function assignmentReads(db: ReadHandle<AssignmentTables>) {
  const usersOf = async (query: RawBuilder<{ user_id: string }>): Promise<readonly string[]> =>
    (await rowsOf(db, query)).map(({ user_id }) => user_id);
  return {
    /** The roles of each user in a scope, in the order of assignment. */
    async assignments(userIds: readonly string[], organizationId: string | null): Promise<ReadonlyMap<string, readonly string[]>> {
      if (userIds.length === 0) return new Map();
      const rows = await db
        .selectFrom("role_assignments")
        .select(["user_id", "role_id"])
        .where("user_id", "=", anyOf(userIds, "uuid"))
        .where(ofTenant(organizationId))
        .orderBy("assigned_at")
        .orderBy("role_id")
        .execute();
      return grouped(rows.map((row) => [row.user_id, row.role_id]));
    },
    /** The users who hold a role, without service accounts. */
    holderIds: (roleId: string): Promise<readonly string[]> =>
      usersOf(sql`select a.user_id from role_assignments a where a.role_id = ${roleId} and ${isUser}`),
    /** The users who hold a role and have no other role in its scope that denies a system permission. */
    undeniedHolderIds: (roleId: string, organizationId: string | null): Promise<readonly string[]> =>
      usersOf(sql`
        select a.user_id from role_assignments a where a.role_id = ${roleId} and ${isUser} and not exists (
          select from role_assignments o join role_permissions p on p.role_id = o.role_id and p.effect = 'deny'
          join permission_definitions d on d.id = p.permission_definition_id and d.is_system_permission
          where o.user_id = a.user_id and ${ofTenant(organizationId, "o.organization_id")})`),
    /** Every role that the holders of this role have in its scope, without duplicates. Ignores the holder `except`. */
    async rolesOfHolders(roleId: string, organizationId: string | null, except: string | null): Promise<readonly string[]> {
      const others = except === null ? sql`true` : sql`a.user_id <> ${except}::uuid`;
      const rows = await rowsOf(
        db,
        sql<{ role_id: string }>`
        select distinct o.role_id from role_assignments a join role_assignments o on o.user_id = a.user_id
        where a.role_id = ${roleId} and ${others} and ${ofTenant(organizationId, "o.organization_id")}`,
      );
      return rows.map(({ role_id }) => role_id);
    },
    /** Whether one of the roles denies a system permission. */
    async denySystemPermissions(roleIds: readonly string[]): Promise<boolean> {
      const row = await firstRow(
        db,
        sql<{ found: boolean }>`select exists (
        select from role_permissions p join permission_definitions d on d.id = p.permission_definition_id and d.is_system_permission
        where p.role_id = ${anyOf(roleIds, "uuid")} and p.effect = 'deny') as found`,
      );
      return row?.found === true;
    },
    /** How many users hold a role; service accounts do not count. */
    async holders(roleId: string): Promise<number> {
      const row = await firstRow(
        db,
        sql<{ count: number }>`select count(*)::int as count from role_assignments a where a.role_id = ${roleId} and ${isUser}`,
      );
      return row?.count ?? 0;
    },
  };
}

export const assignmentWrites = (tx: WriteHandle<AssignmentTables>) => ({
  /** Serializes changes of the holders of a scope's highest role, and of what is denied to them. */
  async lockTopHolders(organizationId: string | null): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtext('access.top_holders'), hashtext(${organizationId ?? "internal"}))`.execute(tx);
  },
  /** Deletes every role assignment and attribute of these users in an organization. Returns the roles that each had. */
  async removeMembers(organizationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const { rows } = await sql<{ user_id: string; role_id: string }>`delete from role_assignments
        where organization_id = ${organizationId} and user_id = ${anyOf(userIds, "uuid")} returning user_id, role_id`.execute(tx);
    await sql`delete from access_attributes
        where organization_id = ${organizationId} and user_id = ${anyOf(userIds, "uuid")}`.execute(tx);
    return grouped(rows.map((row) => [row.user_id, row.role_id]));
  },
  /** Replaces the roles of the user in the scope. Returns the added and the removed ones. */
  async setAssignments(
    userId: string,
    organizationId: string | null,
    roleIds: readonly string[],
    now: Date,
  ): Promise<{ readonly addedRoleIds: string[]; readonly removedRoleIds: string[] }> {
    let removed = tx.deleteFrom("role_assignments").where("user_id", "=", userId).where(ofTenant(organizationId));
    if (roleIds.length > 0) removed = removed.where("role_id", "<>", allOf(roleIds, "uuid"));
    const removedRoleIds = (await removed.returning("role_id").execute()).map(({ role_id }) => role_id);
    if (roleIds.length === 0) return { addedRoleIds: [], removedRoleIds };
    const assignments = roleIds.map((id) => ({ user_id: userId, organization_id: organizationId, role_id: id, assigned_at: now }));
    const added = await insertMany(
      tx,
      "role_assignments",
      { user_id: "uuid", organization_id: "uuid", role_id: "uuid", assigned_at: "timestamptz" },
      assignments,
      sql<{ role_id: string }>`on conflict do nothing returning role_id`,
    );
    return { addedRoleIds: added.map(({ role_id }) => role_id), removedRoleIds };
  },
  async setTenantStatus(organizationId: string, status: string): Promise<void> {
    await tx
      .insertInto("access_tenants")
      .values({ organization_id: organizationId, status })
      .onConflict((conflict) => conflict.column("organization_id").doUpdateSet({ status }))
      .execute();
  },
});
