import { invalid } from "./errors.ts";

/** A request is a form; deeper data is made to exhaust whoever walks it. */
const depthMax = 64;
const plainName = /^[\w$-]+$/;

/**
 * PostgreSQL keeps no NUL, and half a surrogate pair is no character: both are refused rather than altered. A door calls
 * it for what it has read; dispatch relies on it.
 */
export function refuseUnstorable(input: unknown): void {
  const at = unstorable(input, 0);
  if (at !== undefined) throw invalid({ field: at.join(".") || "body", rule: "text", message: "holds what cannot be stored" });
}

/** The place of the first text that cannot be stored, or of what is too deep; undefined when there is none. */
function unstorable(value: unknown, depth: number): string[] | undefined {
  if (typeof value === "string") return value.includes("\u0000") || !value.isWellFormed() ? [] : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === depthMax) return [];
  const members = value as Readonly<Record<string, unknown>>;
  for (const name in members) {
    if (!plainName.test(name) && unstorable(name, depth)) return [];
    const at = unstorable(members[name], depth + 1);
    if (at !== undefined) return [name, ...at];
  }
  return undefined;
}
