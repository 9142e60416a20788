import type { PermissionNode } from "./model.ts";

/** The permission tree: the ancestors and descendants of each value. Also terminates on a tree with a cycle. */
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

  /** The value and its ancestors. */
  lineage(value: string): readonly string[] {
    const lineage: string[] = [];
    for (let at: string | null | undefined = value; typeof at === "string" && !lineage.includes(at); at = this.#parents.get(at))
      lineage.push(at);
    return lineage;
  }

  /** Each of `held` and its descendants. */
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
