import { compileRules, type Policy } from "@gatehouse/policy";
import type { RoleRule } from "./model.ts";

interface Reads {
  assignments(userIds: readonly string[], organizationId: string | null): Promise<ReadonlyMap<string, readonly string[]>>;
  rulesOf(roleIds: readonly string[]): Promise<ReadonlyMap<string, readonly RoleRule[]>>;
}

/** Permissions that roles of the user give or take under a condition that reads `placeholder` (`$user.`, `$tenant.`), sorted. */
export async function conditionalPermissions(
  store: Reads,
  { tree }: Policy,
  placeholder: string,
  userId: string,
  organizationId: string,
): Promise<readonly string[]> {
  const roleIds = (await store.assignments([userId], organizationId)).get(userId) ?? [];
  const found = new Set<string>();
  for (const list of (await store.rulesOf(roleIds)).values()) {
    const rules = compileRules(list);
    const reading = list.filter((rule) => reads(rule, placeholder)).map(({ permission }) => permission);
    for (const value of tree.below(reading)) {
      if (rules.about(tree.lineage(value)).some((rule) => reads(rule, placeholder))) found.add(value);
    }
  }
  return [...found].sort();
}

/** A placeholder stands in a condition as a text of its own, so its JSON shows it. */
const reads = ({ condition }: { readonly condition?: unknown }, placeholder: string): boolean =>
  condition !== undefined && condition !== null && JSON.stringify(condition).includes(`"${placeholder}`);
