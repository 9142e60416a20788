import type { Role } from "./model.ts";
import { type RoleRow, toRole } from "./store.ts";
import { systemRoleNamed } from "./system.ts";

interface Reads {
  givenPermissions(roleIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  valuesOfScope(scope: RoleRow["scope"]): Promise<readonly string[]>;
}

/** Roles as the API shows them: with what they were given, or for system roles all that their rule gives. */
export async function represent(store: Reads, rows: readonly RoleRow[]): Promise<Role[]> {
  const given = await store.givenPermissions(rows.map((row) => row.id));
  const scopes = [...new Set(rows.filter((row) => row.is_system_role).map((row) => row.scope))];
  const defined = new Map(await Promise.all(scopes.map(async (scope) => [scope, await store.valuesOfScope(scope)] as const)));
  return rows.map((row) => {
    const rule = row.is_system_role ? systemRoleNamed(row.name, row.scope) : undefined;
    return toRole(row, rule ? (defined.get(row.scope) ?? []).filter((value) => rule.gives(value)) : (given.get(row.id) ?? []));
  });
}

export async function representOne(store: Reads, row: RoleRow): Promise<Role> {
  return (await represent(store, [row]))[0] as Role;
}
