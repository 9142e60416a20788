import type { Condition } from "@gatehouse/policy";
import { type Generated, type RawBuilder, type Selectable, sql } from "kysely";
import type { Store } from "#operation/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { violatedReference } from "#platform/database/faults.ts";
import { allOf, anyOf, insertMany } from "#platform/database/many-rows.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { changedKey, newKey, takeKey } from "#platform/names/stored-keys.ts";
import { type Computed, computeEntries } from "./entries/compute.ts";
import { type KeyPage, listEntryKeys, type UserIds } from "./entries/key-pages.ts";
import type { UserFactsById } from "./entries/kind.ts";
import { type GrantTables, grantReads, grantWrites } from "./grant-store.ts";
import type { AccessScope, Permission, Role, RoleRule } from "./model.ts";
import { permissionValues, roleNames } from "./names.ts";
import { policyReads, policyWrites } from "./policy-store.ts";
import { quotaWrites } from "./quota-store.ts";

interface PermissionDefinitions {
  readonly id: string;
  readonly value: string;
  readonly description: string | null;
  readonly scope: AccessScope;
  readonly parent_permission_id: string | null;
  readonly is_system_permission: boolean;
  readonly value_key: string | null;
  readonly value_key_holder: Generated<string | null>;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

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

interface RoleAssignments {
  readonly user_id: string;
  readonly organization_id: string | null;
  readonly role_id: string;
  readonly assigned_at: Date;
}

interface Tables extends GrantTables {
  readonly permission_definitions: PermissionDefinitions;
  readonly roles: Roles;
  readonly role_permissions: RolePermissions;
  readonly role_assignments: RoleAssignments;
  readonly access_tenants: { readonly organization_id: string; readonly status: string };
}

export type PermissionRow = Selectable<PermissionDefinitions> & { readonly parent: string | null };
export type RoleRow = Selectable<Roles>;

export const toPermission = (row: PermissionRow): Permission => ({
  id: row.id,
  value: row.value,
  description: row.description,
  scope: row.scope,
  parent: row.parent,
  isSystemPermission: row.is_system_permission,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  version: row.version,
});

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

function reads(db: ReadHandle<Tables>) {
  const permissions = () =>
    db
      .selectFrom("permission_definitions as p")
      .leftJoin("permission_definitions as above", "above.id", "p.parent_permission_id")
      .selectAll("p")
      .select("above.value as parent");
  const usersOf = async (query: RawBuilder<unknown>): Promise<readonly string[]> =>
    (await rowsOf(db, sql<{ user_id: string }>`${query}`)).map(({ user_id }) => user_id);
  return {
    /** A page of the keys that projection entries should have. */
    entryKeys: (cursor: string | null, limit: number, users: UserIds): Promise<KeyPage> =>
      listEntryKeys(db as unknown as ReadHandle, cursor, limit, users),
    /** The projection entries under `keys`, as the tables have them now. */
    computeEntries: (keys: readonly string[], users: UserFactsById): Promise<readonly Computed[]> =>
      computeEntries(db as unknown as ReadHandle, keys, users),
    ...grantReads(db as unknown as ReadHandle<GrantTables>),
    ...policyReads(db as ReadHandle),
    permissionById: (id: string): Promise<PermissionRow | undefined> => permissions().where("p.id", "=", id).executeTakeFirst(),
    permissionsByValue: (values: readonly string[]): Promise<PermissionRow[]> =>
      values.length === 0 ? Promise.resolve([]) : permissions().where("p.value", "=", anyOf(values, "text")).execute(),
    permissionPage(options: {
      readonly scope?: AccessScope;
      readonly after?: string | undefined;
      readonly limit: number;
    }): Promise<PermissionRow[]> {
      let query = permissions().orderBy("p.value").limit(options.limit);
      if (options.scope !== undefined) query = query.where("p.scope", "=", options.scope);
      if (options.after !== undefined) query = query.where("p.value", ">", options.after);
      return query.execute();
    },
    /** Every definition of a scope: what the rules of system roles range over. */
    async valuesOfScope(scope: AccessScope): Promise<readonly string[]> {
      const rows = await db.selectFrom("permission_definitions").select("value").where("scope", "=", scope).orderBy("value").execute();
      return rows.map((row) => row.value);
    },

    /** What the rules of roles are about: their permissions and everything below these, each once. */
    async valuesBelowRulesOf(roleIds: readonly string[]): Promise<readonly string[]> {
      if (roleIds.length === 0) return [];
      const rows = await rowsOf(
        db,
        sql<{ value: string }>`
        with recursive below as (
          select permission_definition_id as id from role_permissions where role_id = any(${roleIds}::uuid[])
          union select p.id from permission_definitions p join below on p.parent_permission_id = below.id
        ) select d.value from below join permission_definitions d on d.id = below.id`,
      );
      return rows.map(({ value }) => value);
    },

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
    /** Each role's rules as they were made, by role. */
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
    /** The roles of each user in a scope, in the order in which they were given. */
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
    holderIds: (roleId: string): Promise<readonly string[]> => usersOf(sql`select user_id from role_assignments where role_id = ${roleId}`),
    /** Those who hold a role of the scope and no role there that takes one of the product's own permissions away. */
    undeniedHolderIds: (roleId: string, organizationId: string | null): Promise<readonly string[]> =>
      usersOf(sql`
        select a.user_id from role_assignments a where a.role_id = ${roleId} and not exists (
          select from role_assignments o join role_permissions p on p.role_id = o.role_id and p.effect = 'deny'
          join permission_definitions d on d.id = p.permission_definition_id and d.is_system_permission
          where o.user_id = a.user_id and ${ofTenant(organizationId, "o.organization_id")})`),
    /** Every role of those who hold this one in its scope, each once; `except` is left out. */
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
    /** Whether one of the roles takes one of the product's own permissions away. */
    async denyOwnPermissions(roleIds: readonly string[]): Promise<boolean> {
      const rows = await rowsOf(
        db,
        sql<{ found: boolean }>`select exists (
        select from role_permissions p join permission_definitions d on d.id = p.permission_definition_id and d.is_system_permission
        where p.role_id = ${anyOf(roleIds, "uuid")} and p.effect = 'deny') as found`,
      );
      return rows[0]?.found === true;
    },
    /** How many users hold a role. */
    async holders(roleId: string): Promise<number> {
      const row = await db
        .selectFrom("role_assignments")
        .select((eb) => eb.fn.countAll<string>().as("count"))
        .where("role_id", "=", roleId)
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
  };
}

function grouped<Value>(pairs: readonly (readonly [key: string, value: Value])[]): ReadonlyMap<string, readonly Value[]> {
  const groups = new Map<string, Value[]>();
  for (const [key, value] of pairs) {
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

function writes(tx: WriteHandle<Tables>) {
  return {
    ...grantWrites(tx as unknown as WriteHandle<GrantTables>),
    ...policyWrites(tx as unknown as WriteHandle),
    ...quotaWrites(tx as unknown as WriteHandle),
    async insertPermission(row: Omit<PermissionDefinitions, "version" | "value_key" | "value_key_holder">): Promise<void> {
      if (row.is_system_permission) await takeKey(tx, permissionValues, row.value, row.id);
      await tx
        .insertInto("permission_definitions")
        .values({ ...row, ...newKey(permissionValues, row.value) })
        .execute();
    },
    async updatePermission(id: string, change: { description: string | null; parentId: string | null }, now: Date): Promise<void> {
      await tx
        .updateTable("permission_definitions")
        .set({ description: change.description, parent_permission_id: change.parentId, updated_at: now, version: sql<number>`version + 1` })
        .where("id", "=", id)
        .execute();
    },
    /** One writer of the tree at a time: two moves that are each fine could together make a cycle. */
    async lockTree(): Promise<void> {
      await sql`select pg_advisory_xact_lock(hashtext('access.permission_tree'))`.execute(tx);
    },
    async isBelow(id: string, above: string): Promise<boolean> {
      const { rows } = await sql<{ found: boolean }>`
        with recursive up as (
          select id, parent_permission_id from permission_definitions where id = ${id}
          union select p.id, p.parent_permission_id from permission_definitions p join up on p.id = up.parent_permission_id
        ) select exists (select from up where id = ${above}) as found`.execute(tx);
      return rows[0]?.found ?? false;
    },
    async deletePermission(id: string): Promise<void> {
      await tx.deleteFrom("permission_definitions").where("id", "=", id).execute();
    },

    /** One change at a time of who holds the highest role of a scope, and of what is denied to them. */
    async lockTopHolders(organizationId: string | null): Promise<void> {
      await sql`select pg_advisory_xact_lock(hashtext('access.top_holders'), hashtext(${organizationId ?? "internal"}))`.execute(tx);
    },
    lockRole: (id: string): Promise<RoleRow | undefined> =>
      tx.selectFrom("roles").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
    /** Keeps roles from being deleted or changed while they are given. */
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
    /** Removes at most `limit` roles of an organization and whatever names one; returns what they were. */
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
    /** Takes every role and attribute of these users in an organization; returns the roles that each had. */
    async removeMembers(organizationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
      const { rows } = await sql<{ user_id: string; role_id: string }>`delete from role_assignments
        where organization_id = ${organizationId} and user_id = ${anyOf(userIds, "uuid")} returning user_id, role_id`.execute(tx);
      await sql`delete from access_attributes
        where organization_id = ${organizationId} and user_id = ${anyOf(userIds, "uuid")}`.execute(tx);
      return grouped(rows.map((row) => [row.user_id, row.role_id]));
    },
    /** Whether nothing keeps the role from being deleted. The database's own rules answer, by a deletion that is taken back. */
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

    /** Makes `roleIds` the only roles of the user in the scope, and tells which of them are new and which are gone. */
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
      const given = roleIds.map((id) => ({ user_id: userId, organization_id: organizationId, role_id: id, assigned_at: now }));
      const added = await insertMany(
        tx,
        "role_assignments",
        { user_id: "uuid", organization_id: "uuid", role_id: "uuid", assigned_at: "timestamptz" },
        given,
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
  };
}

export type AccessReads = ReturnType<typeof reads>;
export const accessStore: Store<AccessReads, ReturnType<typeof writes>> = { reads, writes };
