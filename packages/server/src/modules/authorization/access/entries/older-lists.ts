/**
 * Entries for processes of the previous release, during a roll-out and after a roll-back (decision 0031). They read every permission that a
 * role allows, descendants included, under `iam:role:<id>:effective_permissions`. A list is stored until it would be outdated. Then a
 * tombstone replaces it, and a process that needs it requests a repair. To be removed with the next release.
 */
import { PermissionTree, type RoleRule, type StoredRule } from "@gatehouse/policy";
import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { systemRoles } from "../system.ts";
import type { Found, FoundByKey } from "./compute-kinds.ts";
import { formatKey, type KeyOf } from "./entry-key.ts";
import type { PermissionEntry } from "./values.ts";

/** Computes the lists of the previous release, by key. */
export async function computeOlderLists(
  db: Kysely<AnyTables>,
  keys: readonly KeyOf<"olderList" | "olderSystemList">[],
): Promise<FoundByKey> {
  const { rows: permissions } = await sql<PermissionEntry>`
    select d.value, above.value as parent, d.scope from permission_definitions d
    left join permission_definitions above on above.id = d.parent_permission_id order by d.value`.execute(db);
  const tree = new PermissionTree(permissions);
  const rules = await rulesOf(
    db,
    keys.flatMap((key) => (key.kind === "olderList" ? [key.roleId] : [])),
  );
  const found = new Map<string, Found>();
  for (const key of keys) {
    const json = key.kind === "olderList" ? undefined : systemList(key, permissions);
    const role = key.kind === "olderList" ? rules.get(key.roleId) : undefined;
    if (role) found.set(formatKey(key), { organizationId: role.organizationId, json: JSON.stringify(expandedRules(tree, role.rules)) });
    else if (json !== undefined) found.set(formatKey(key), { organizationId: null, json });
  }
  return found;
}

function systemList({ scope, name }: KeyOf<"olderSystemList">, permissions: readonly PermissionEntry[]): string | undefined {
  const definition = systemRoles.find((role) => role.scope === scope && role.name === name);
  if (definition === undefined) return undefined;
  return JSON.stringify(permissions.filter((each) => each.scope === scope && definition.gives(each.value)).map(({ value }) => value));
}

interface RulesOfRole {
  readonly organizationId: string | null;
  readonly rules: readonly RoleRule[];
}

async function rulesOf(db: Kysely<AnyTables>, roleIds: readonly string[]): Promise<ReadonlyMap<string, RulesOfRole>> {
  const { rows } = await sql<{ id: string; organization_id: string | null; rules: readonly RoleRule[] }>`
    select r.id, r.organization_id, coalesce((
      select jsonb_agg(jsonb_build_object('permission', d.value, 'effect', p.effect, 'condition', p.condition) order by d.value)
      from role_permissions p join permission_definitions d on d.id = p.permission_definition_id where p.role_id = r.id), '[]'::jsonb) as rules
    from roles r where r.id = any(${roleIds}::uuid[])`.execute(db);
  return new Map(rows.map((row) => [row.id, { organizationId: row.organization_id, rules: row.rules }]));
}

/** Expands rules over the tree: first the permissions that are allowed without a condition, then the other rules. */
function expandedRules(tree: PermissionTree, rules: readonly RoleRule[]): readonly StoredRule[] {
  const isPlain = (rule: RoleRule): boolean => rule.effect === "allow" && !rule.condition;
  const plain = tree.below(rules.filter(isPlain).map(({ permission }) => permission));
  const others = rules
    .filter((rule) => !isPlain(rule))
    .flatMap((rule) => [...tree.below([rule.permission])].map((permission): RoleRule => ({ ...rule, permission })))
    .filter(({ permission, effect }) => effect === "deny" || !plain.has(permission));
  return [...[...plain].sort(), ...others];
}
