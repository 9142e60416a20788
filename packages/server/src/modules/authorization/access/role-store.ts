import type { Condition } from "@gatehouse/policy";
import { type Generated, type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { violatedReference } from "#platform/database/driver-errors.ts";
import { anyOf, insertMany } from "#platform/database/many-rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { changedKey, newKey, takeKey } from "#platform/names/stored-keys.ts";
import { grouped } from "./grouped.ts";
import type { AccessScope, Role, RoleRule } from "./model.ts";
import { roleNames } from "./names.ts";

interface Roles {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly scope: AccessScope;
  readonly organization_id: string | null;
  readonly is_system_role: boolean;
  readonly name_key: string | null;
  readonly name_key_holder: Generated<string | null>;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface RolePermissions {
  readonly role_id: string;
  readonly permission_definition_id: string;
  readonly organization_id: string | null;
  readonly effect: Generated<"allow" | "deny">;
  readonly condition: Condition | null;
}

/** `permission_definitions` belongs to the permission store; here it is only joined to the rules. */
export interface RoleTables {
  readonly permission_definitions: { readonly id: string; readonly value: string };
  readonly roles: Roles;
  readonly role_permissions: RolePermissions;
}

export type RoleRow = Selectable<Roles>;

export const toRole = (row: RoleRow, permissions: readonly string[], rules: readonly RoleRule[] = []): Role => ({
  id: row.id,
  name: row.name,
  description: row.description,
  scope: row.scope,
  organizationId: row.organization_id,
  isSystemRole: row.is_system_role,
  permissions: [...permissions],
  rules: [...rules],
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  version: row.version,
});

export const roleReads = (db: ReadHandle<RoleTables>) => ({
  roleById: (id: string): Promise<RoleRow | undefined> => db.selectFrom("roles").selectAll().where("id", "=", id).executeTakeFirst(),
  rolesByIds: (ids: readonly string[]): Promise<RoleRow[]> =>
    ids.length === 0 ? Promise.resolve([]) : db.selectFrom("roles").selectAll().where("id", "=", anyOf(ids, "uuid")).execute(),
  systemRole: (name: string, organizationId: string | null): Promise<RoleRow | undefined> =>
    db
      .selectFrom("roles")
      .selectAll()
      .where(ofTenant(organizationId))
      .where("name", "=", name)
      .where("is_system_role", "=", true)
      .executeTakeFirst(),
  rolePage(options: {
    readonly organizationId: string | null;
    readonly after?: readonly string[] | undefined;
    readonly limit: number;
  }): Promise<RoleRow[]> {
    const { after } = options;
    let query = db
      .selectFrom("roles")
      .selectAll()
      .where(ofTenant(options.organizationId))
      .orderBy("is_system_role", "desc")
      .orderBy("name")
      .orderBy("id")
      .limit(options.limit);
    if (after) query = query.where(sql<boolean>`(not is_system_role, name, id) > (${after[0]}::boolean, ${after[1]}, ${after[2]}::uuid)`);
    return query.execute();
  },
  /** The rules of each role, by role id. */
  async rulesOf(roleIds: readonly string[]): Promise<ReadonlyMap<string, readonly RoleRule[]>> {
    if (roleIds.length === 0) return new Map();
    const rows = await db
      .selectFrom("role_permissions")
      .innerJoin("permission_definitions", "permission_definitions.id", "permission_definition_id")
      .select(["role_id", "value as permission", "effect", "condition"])
      .where("role_id", "=", anyOf(roleIds, "uuid"))
      .orderBy("value")
      .execute();
    return grouped(rows.map(({ role_id, ...rule }) => [role_id, rule]));
  },
});

export const roleWrites = (tx: WriteHandle<RoleTables>) => ({
  lockRole: (id: string): Promise<RoleRow | undefined> =>
    tx.selectFrom("roles").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
  /** Locks roles against deletion and change while they are assigned. The lock is shared. */
  lockRolesForUse: (ids: readonly string[]): Promise<RoleRow[]> =>
    ids.length === 0
      ? Promise.resolve([])
      : tx.selectFrom("roles").selectAll().where("id", "=", anyOf(ids, "uuid")).orderBy("id").forShare().execute(),
  async insertRole(row: Omit<Roles, "version" | "name_key" | "name_key_holder">): Promise<RoleRow> {
    if (row.is_system_role && row.organization_id === null) await takeKey(tx, roleNames, row.name, row.id);
    return tx
      .insertInto("roles")
      .values({ ...row, ...newKey(roleNames, row.name) })
      .returningAll()
      .executeTakeFirstOrThrow();
  },
  updateRole: (id: string, change: { name: string; description: string | null }, now: Date): Promise<RoleRow> =>
    tx
      .updateTable("roles")
      .set({ ...change, ...changedKey(roleNames, change.name), updated_at: now, version: sql<number>`version + 1` })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  touchRole: (id: string, now: Date): Promise<RoleRow> =>
    tx
      .updateTable("roles")
      .set({ updated_at: now, version: sql<number>`version + 1` })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  /** Deletes at most `limit` roles of an organization with their assignments, and returns them. */
  async eraseRoles(organizationId: string, limit: number): Promise<readonly RoleRow[]> {
    const { rows } = await sql<RoleRow>`with gone as materialized (
          select id from roles where organization_id = ${organizationId} order by id limit ${limit}
        ), unassigned as (
          delete from role_assignments where role_id in (select id from gone)
        ) select roles.* from roles join gone using (id) order by id`.execute(tx);
    await sql`delete from roles where id = ${anyOf(
      rows.map(({ id }) => id),
      "uuid",
    )}`.execute(tx);
    return rows;
  },
  /** Whether no foreign key prevents the role's deletion. Tries the deletion and rolls it back. */
  async isRoleFree(id: string): Promise<boolean> {
    await sql`savepoint role_is_free`.execute(tx);
    const free = await tx
      .deleteFrom("roles")
      .where("id", "=", id)
      .execute()
      .then(
        () => true,
        (error) => {
          if (violatedReference(error) === undefined) throw error;
          return false;
        },
      );
    await sql`rollback to savepoint role_is_free`.execute(tx);
    return free;
  },
  async deleteRole(id: string): Promise<void> {
    await tx.deleteFrom("roles").where("id", "=", id).execute();
  },
  async addRolePermissions(role: RoleRow, permissionIds: readonly string[]): Promise<void> {
    const rows = permissionIds.map((id) => ({ role_id: role.id, permission_definition_id: id, organization_id: role.organization_id }));
    const columns = { role_id: "uuid", permission_definition_id: "uuid", organization_id: "uuid" } as const;
    await insertMany(tx, "role_permissions", columns, rows, sql`on conflict do nothing`);
  },
  async removeRolePermissions(roleId: string, permissionIds: readonly string[]): Promise<void> {
    if (permissionIds.length === 0) return;
    await tx
      .deleteFrom("role_permissions")
      .where("role_id", "=", roleId)
      .where("permission_definition_id", "=", anyOf(permissionIds, "uuid"))
      .execute();
  },
});
