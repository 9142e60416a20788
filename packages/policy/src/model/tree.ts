import type { PermissionNode, RoleRule } from "./model.ts";

/** The permission tree: what stands above and below each value. Terminates on a tree with a cycle, too. */
export class PermissionTree {
  readonly #parents = new Map<string, string | null>();
  readonly #children = new Map<string, string[]>();

  constructor(nodes: Iterable<PermissionNode>) {
    for (const { value, parent } of nodes) {
      this.#parents.set(value, parent);
      if (parent === null) continue;
      const siblings = this.#children.get(parent);
      if (siblings) siblings.push(value);
      else this.#children.set(parent, [value]);
    }
  }

  has(value: string): boolean {
    return this.#parents.has(value);
  }

  values(): IterableIterator<string> {
    return this.#parents.keys();
  }

  /** The value and everything above it. */
  lineage(value: string): readonly string[] {
    const lineage: string[] = [];
    for (let at: string | null | undefined = value; typeof at === "string" && !lineage.includes(at); at = this.#parents.get(at))
      lineage.push(at);
    return lineage;
  }

  /** Each of `held` and everything below it. */
  below(held: Iterable<string>): Set<string> {
    const found = new Set<string>();
    const open = [...held];
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (found.has(value)) continue;
      found.add(value);
      open.push(...(this.#children.get(value) ?? []));
    }
    return found;
  }
}

/**
 * What a role does with each permission: a value alone is given without a condition, a rule says how. The form in which
 * a read model keeps a role (S3 §6.2, effective permissions).
 */
export type EffectiveRule = string | RoleRule;

/** The rules of a role, worked out over the tree, sorted by value. */
export function effectiveRules(tree: PermissionTree, given: readonly RoleRule[]): EffectiveRule[] {
  const plain = tree.below(given.filter(isPlain).map(({ permission }) => permission));
  const others = given
    .filter((rule) => !isPlain(rule))
    .flatMap((rule) => [...tree.below([rule.permission])].map((permission): RoleRule => ({ ...rule, permission })))
    // A condition on what is given without one decides nothing.
    .filter(({ permission, effect }) => effect === "deny" || !plain.has(permission));
  return [...[...plain].sort(), ...others.sort((a, b) => (a.permission < b.permission ? -1 : a.permission > b.permission ? 1 : 0))];
}

const isPlain = (rule: RoleRule): boolean => rule.effect === "allow" && !rule.condition;
