import type { Issue } from "../issues.ts";
import type { RelationExpression, ResourceType } from "./model.ts";

interface Named {
  readonly name: string;
  readonly at: string;
}

/**
 * Relations that refer to themselves on the same resource, directly or over others of it. Such a reference adds no subject: with
 * `all` it looks like a condition on the relation's own subjects and is none. One issue a circle, at the name that begins it. Over
 * another resource (`through`, or subjects like `Group#member`) a relation may lead back to its own name.
 */
export function issuesOfSelfReference(types: Readonly<Record<string, ResourceType>>): Issue[] {
  return Object.entries(types).flatMap(([type, { relations = {} }]) => {
    const names = new Map(Object.entries(relations).map(([name, { from }]) => [name, from === undefined ? [] : namesIn(from, "from")]));
    const circular = new Set<string>();
    return [...names].flatMap(([name, named]): Issue[] => {
      if (circular.has(name)) return [];
      const first = named.find((each) => reaches(names, each.name, name));
      if (first === undefined) return [];
      for (const other of names.keys()) if (reaches(names, name, other) && reaches(names, other, name)) circular.add(other);
      return [
        { field: `resourceTypes.${type}.relations.${name}.${first.at}`, rule: "self_reference", message: messageOf(name, first.name) },
      ];
    });
  });
}

function messageOf(name: string, first: string): string {
  const how = first === name ? "names the relation itself on the same resource" : `leads back to ${name} on the same resource`;
  return `${how}, which puts nobody into it; declare the subjects in a relation of their own, like assigned_${name}, and name that one here`;
}

function namesIn(expression: RelationExpression, at: string): readonly Named[] {
  if (typeof expression === "string") return [{ name: expression, at }];
  if ("through" in expression) return [];
  if ("base" in expression) return [...namesIn(expression.base, `${at}.base`), ...namesIn(expression.except, `${at}.except`)];
  const [key, list] = "any" in expression ? (["any", expression.any] as const) : (["all", expression.all] as const);
  return list.flatMap((part, index) => namesIn(part, `${at}.${key}.${index}`));
}

function reaches(names: ReadonlyMap<string, readonly Named[]>, from: string, goal: string, seen = new Set<string>()): boolean {
  if (from === goal) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (names.get(from) ?? []).some(({ name }) => reaches(names, name, goal, seen));
}
