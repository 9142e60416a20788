import type { Role, RoleRule } from "./model.ts";
import { type RoleRow, toRole } from "./store.ts";
import { systemRoleNamed } from "./system.ts";

interface Reads {
  rulesOf(roleIds: readonly string[]): Promise<ReadonlyMap<string, readonly RoleRule[]>>;
  valuesOfScope(scope: RoleRow["scope"]): Promise<readonly string[]>;
}

/** Roles as the API shows them: with what they were given, or for system roles all that their rule gives. */
export async function represent(store: Reads, rows: readonly RoleRow[]): Promise<Role[]> {
  const made = await store.rulesOf(rows.map((row) => row.id));
  const scopes = [...new Set(rows.filter((row) => row.is_system_role).map((row) => row.scope))];
  const defined = new Map(await Promise.all(scopes.map(async (scope) => [scope, await store.valuesOfScope(scope)] as const)));
  return rows.map((row) => {
    const rule = row.is_system_role ? systemRoleNamed(row.name, row.scope) : undefined;
    if (rule)
      return toRole(
        row,
        (defined.get(row.scope) ?? []).filter((value) => rule.gives(value)),
      );
    const rules = made.get(row.id) ?? [];
    const given = rules.filter(({ effect }) => effect === "allow").map(({ permission }) => permission);
    return toRole(
      row,
      given,
      rules.filter(({ effect, condition }) => effect === "deny" || condition !== null),
    );
  });
}

export async function representOne(store: Reads, row: RoleRow): Promise<Role> {
  return (await represent(store, [row]))[0] as Role;
}

/** What the trail says of a role before and after a change of what it gives. */
export const rulesOf = ({ permissions, rules }: Role) => ({ permissions, rules });
