import { compileRules, type Policy } from "@gatehouse/policy";
import type { AccessReads } from "./store.ts";

type Reads = Pick<AccessReads, "assignments" | "rulesOf">;

/** Permissions that the user's roles allow or deny under a condition that reads `placeholder` (`$user.`, `$tenant.`), sorted. */
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

/** Whether a condition reads a placeholder. Placeholders are whole strings in it, so its JSON contains them. */
const reads = ({ condition }: { readonly condition?: unknown }, placeholder: string): boolean =>
  condition !== undefined && condition !== null && JSON.stringify(condition).includes(`"${placeholder}`);
