/** One permission of the tree: to hold it is to hold everything below it. */
export interface PermissionNode {
  readonly value: string;
  readonly parent: string | null;
}

/** The values that holding `held` gives: each of them and all below. Terminates on a tree with a cycle, too. */
export function effectivePermissions(nodes: readonly PermissionNode[], held: Iterable<string>): Set<string> {
  const children = new Map<string, string[]>();
  for (const node of nodes) {
    if (node.parent === null) continue;
    const siblings = children.get(node.parent);
    if (siblings) siblings.push(node.value);
    else children.set(node.parent, [node.value]);
  }
  const effective = new Set<string>();
  const open = [...held];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (effective.has(value)) continue;
    effective.add(value);
    open.push(...(children.get(value) ?? []));
  }
  return effective;
}
