import { refuseUnstorable } from "./storable.ts";

/**
 * Reads JSON that somebody else has written. Throws a SyntaxError where it is none, or where it names a prototype, and
 * `common.validation_failed` where it holds what cannot be stored.
 */
export function parseJson(text: string): unknown {
  if (!suspicious(text)) return JSON.parse(text);
  const value: unknown = JSON.parse(text, refusePrototypes);
  refuseUnstorable(value);
  return value;
}

/**
 * Whether a text could name a prototype, a NUL or half a surrogate pair: decoded UTF-8 has none of these unless they are
 * written out, or spelled with an escape. Only such a text is worth searching.
 */
const suspicious = (text: string): boolean => text.includes("\\u") || text.includes("__proto__") || text.includes('"constructor"');

function refusePrototypes(name: string, value: unknown): unknown {
  const isPrototype = name === "__proto__" || (name === "constructor" && isObject(value) && Object.hasOwn(value, "prototype"));
  if (isPrototype) throw new SyntaxError("names a prototype");
  return value;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
