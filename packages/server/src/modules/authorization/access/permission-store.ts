import { type Generated, type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { newKey, takeKey } from "#platform/names/stored-keys.ts";
import type { AccessScope, Permission } from "./model.ts";
import { permissionValues } from "./names.ts";

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

export interface PermissionTables {
  readonly permission_definitions: PermissionDefinitions;
}

export type PermissionRow = Selectable<PermissionDefinitions> & { readonly parent: string | null };

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

/** Queries on the permission tree. */
export function permissionReads(db: ReadHandle<PermissionTables>) {
  const permissions = () =>
    db
      .selectFrom("permission_definitions as p")
      .leftJoin("permission_definitions as above", "above.id", "p.parent_permission_id")
      .selectAll("p")
      .select("above.value as parent");
  return {
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
    /** Every permission of a scope, to which the rules of system roles apply. */
    async valuesOfScope(scope: AccessScope): Promise<readonly string[]> {
      const rows = await db.selectFrom("permission_definitions").select("value").where("scope", "=", scope).orderBy("value").execute();
      return rows.map((row) => row.value);
    },

    /** The permissions of the roles' rules and all their descendants, without duplicates. */
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
  };
}

export const permissionWrites = (tx: WriteHandle<PermissionTables>) => ({
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
  /** Serializes writers of the tree: two moves that are valid alone could create a cycle together. */
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
});
