import type { Role } from "./model.ts";
import { type AccessReads, type RoleRow, toRole } from "./store.ts";
import { systemRoleNamed } from "./system.ts";

type Reads = Pick<AccessReads, "rulesOf" | "valuesOfScope">;

/** Roles as the API returns them: with their permissions and rules, or for system roles with all permissions that they allow. */
export async function represent(store: Reads, rows: readonly RoleRow[]): Promise<Role[]> {
  const custom = await store.rulesOf(rows.map((row) => row.id));
  const scopes = [...new Set(rows.filter((row) => row.is_system_role).map((row) => row.scope))];
  const defined = new Map(await Promise.all(scopes.map(async (scope) => [scope, await store.valuesOfScope(scope)] as const)));
  return rows.map((row) => {
    const rule = row.is_system_role ? systemRoleNamed(row.name, row.scope) : undefined;
    if (rule)
      return toRole(
        row,
        (defined.get(row.scope) ?? []).filter((value) => rule.gives(value)),
      );
    const rules = custom.get(row.id) ?? [];
    const allowed = rules.filter(({ effect }) => effect === "allow").map(({ permission }) => permission);
    return toRole(
      row,
      allowed,
      rules.filter(({ effect, condition }) => effect === "deny" || condition !== null),
    );
  });
}

export async function representOne(store: Reads, row: RoleRow): Promise<Role> {
  return (await represent(store, [row]))[0] as Role;
}

/** The fields of a role that the audit log records before and after a change of its permissions. */
export const rulesOf = ({ permissions, rules }: Role) => ({ permissions, rules });
