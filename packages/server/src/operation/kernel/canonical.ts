import { readTimeBound, readTimestamp } from "#platform/timestamp.ts";
import { type TObject, type TSchema, timeBoundKeyword, timestampFormat } from "../declaration/schema.ts";

type Rewrite = (value: unknown) => unknown;

/**
 * Converts the ids of an input to lower case, as in the database, and its times to UTC, as in answers. Comparisons, rows and events then
 * have one value, however the caller wrote it. The input object is not changed. The input must be valid: `inputCheck` runs before.
 */
export function canonicalInput(schema: TObject): (input: Record<string, unknown>) => Record<string, unknown> {
  const rewrite = rewriteOf(schema);
  return rewrite ? (input) => rewrite(input) as Record<string, unknown> : (input) => input;
}

type Node = TSchema & {
  readonly format?: string;
  readonly [timeBoundKeyword]?: "start" | "end";
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly items?: TSchema;
  readonly anyOf?: readonly TSchema[];
};

/** Undefined where the schema contains no id and no time. */
function rewriteOf(schema: TSchema): Rewrite | undefined {
  const node = schema as Node;
  if (node.format === "uuid") return (value) => (typeof value === "string" && /[A-F]/.test(value) ? value.toLowerCase() : value);
  if (node.format === timestampFormat) return (value) => (typeof value === "string" ? (readTimestamp(value) ?? value) : value);
  const bound = node[timeBoundKeyword];
  if (bound !== undefined) return (value) => (typeof value === "string" ? (readTimeBound(value, bound) ?? value) : value);
  if (node.properties) return rewriteObject(node.properties);
  if (node.items) return rewriteArray(node.items);
  return node.anyOf?.map(rewriteOf).find((rewrite) => rewrite !== undefined);
}

function rewriteObject(properties: Readonly<Record<string, TSchema>>): Rewrite | undefined {
  const rewrites = Object.entries(properties).flatMap(([name, property]) => {
    const rewrite = rewriteOf(property);
    return rewrite ? [[name, rewrite] as const] : [];
  });
  if (rewrites.length === 0) return undefined;
  return (value) => {
    if (typeof value !== "object" || value === null) return value;
    const given = value as Readonly<Record<string, unknown>>;
    let changed: Record<string, unknown> | undefined;
    for (const [name, rewrite] of rewrites) {
      const rewritten = rewrite(given[name]);
      if (rewritten === given[name]) continue;
      changed ??= { ...given };
      changed[name] = rewritten;
    }
    return changed ?? value;
  };
}

function rewriteArray(items: TSchema): Rewrite | undefined {
  const rewrite = rewriteOf(items);
  if (!rewrite) return undefined;
  return (value) => {
    if (!Array.isArray(value)) return value;
    const rewritten = value.map(rewrite);
    return rewritten.some((item, index) => item !== value[index]) ? rewritten : value;
  };
}
