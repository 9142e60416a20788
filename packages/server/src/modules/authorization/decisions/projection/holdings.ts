import { type View, withinScopes } from "@gatehouse/policy";
import { isSystemPermission, isTopRole, parseKey, type RoleEntry } from "#modules/authorization/access/index.ts";
import type { CachedEntry } from "./entry-map.ts";

export interface PermissionsOfUser {
  /** Permissions that are allowed for every resource and request. */
  readonly always: readonly string[];
  /** Permissions that depend on the resource, the request or the plan. */
  readonly conditional: readonly string[];
}

/** The user's permissions within `scopes`, the limit of a credential. None if the view refuses everything. */
export function permissionsOf(view: View | undefined, scopes?: ReadonlySet<string>): PermissionsOfUser {
  const found = { always: [] as string[], conditional: [] as string[] };
  if (view === undefined || view.refusal !== undefined) return found;
  for (const value of [...view.policy.tree.values()].sort()) {
    const plan = view.planOnce(value);
    if (!withinScopes(plan, { scopes })) continue;
    const { always, allowing, rules } = plan;
    const settled = always !== undefined && ("reason" in always ? always.allowed : always.effect === "allow");
    if (settled) found.always.push(value);
    else if (always === undefined && (allowing.length > 0 || rules !== undefined)) found.conditional.push(value);
  }
  return found;
}

/**
 * The missing permissions among `values`: not allowed by a role without a condition, denied by one, or outside `scopes`. For an owner or
 * administrator (`isTopHolder`), a denial of an application's permission does not count: no one above them could remove it.
 */
export function missingPermissions(
  view: View | undefined,
  values: readonly string[],
  { isTopHolder = false, scopes }: { readonly isTopHolder?: boolean; readonly scopes?: ReadonlySet<string> | undefined } = {},
): readonly string[] {
  if (view === undefined || view.refusal !== undefined) return values;
  return values.filter((value) => {
    if (!view.policy.tree.has(value)) return true;
    const plan = view.planOnce(value);
    if (!withinScopes(plan, { scopes })) return true;
    const { allowing, denying } = plan;
    const isDenied = denying.length > 0 && !(isTopHolder && !isSystemPermission(value));
    return isDenied || allowing.every(({ condition }) => condition !== undefined);
  });
}

/** Whether the entry is the highest role of its scope. */
export const isOfTopRole = ({ key, value }: CachedEntry): boolean =>
  parseKey(key)?.kind === "role" && value !== null && isTopRole(value as RoleEntry);
