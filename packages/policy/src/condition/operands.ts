import { conditionLimits, type Environment, type Literal, type Operand, type Root, roots } from "./condition.ts";

/** A placeholder's text, root and path. */
export interface Placeholder {
  readonly text: string;
  readonly root: Root;
  readonly path: readonly string[];
}

const name = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** Names of JavaScript's object model, which are not data. */
const barred = new Set(["__proto__", "prototype", "constructor"]);

/** Parses an operand: a placeholder, undefined for a literal, or an issue for a text that is neither. */
export function placeholderOf(operand: Operand | undefined): Placeholder | undefined | { readonly issue: string } {
  if (typeof operand !== "string" || !operand.startsWith("$")) return undefined;
  const [root, ...path] = operand.slice(1).split(".");
  if (!roots.includes(root as Root))
    return { issue: `has no placeholder '$${root}'; there are ${roots.map((each) => `$${each}`).join(", ")}` };
  if (root === "now" && path.length > 0) return { issue: "names a part of $now, which has none" };
  if (root !== "now" && path.length === 0) return { issue: `needs an attribute: $${root}.name` };
  if (!path.every((part) => name.test(part) && !barred.has(part))) return { issue: "has a name that is not letters, digits, _ and -" };
  if (path.length > conditionLimits.pathLength) return { issue: `is longer than ${conditionLimits.pathLength} names` };
  return { text: operand, root: root as Root, path };
}

/** The literal of an operand that is not a placeholder. */
export const literalOf = (operand: Operand): Literal | readonly Literal[] =>
  typeof operand === "object" && "value" in operand ? (operand as { value: Literal | readonly Literal[] }).value : (operand as Literal);

export type Getter = (environment: Environment) => unknown;

/** Reads a placeholder's value. Own properties only, so that inherited ones are not treated as data. */
export function getterOf({ root, path }: Placeholder): Getter {
  if (root === "now") return (environment) => environment.now;
  const first = path[0] as string;
  // Inherited properties are functions and objects, which no operator accepts, so the first step needs no ownership check.
  if (path.length === 1) return (environment) => environment[root][first];
  return (environment) => valueAt(environment[root], path);
}

export function valueAt(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const name of path) {
    // A list has no attributes, although JavaScript gives it a length.
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
