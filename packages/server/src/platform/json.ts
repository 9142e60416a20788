/** A request or a message is a form. Deeper data is made to exhaust the stack of functions that walk it. */
export const jsonDepthMax = 64;

export type JsonRule = "depth" | "size" | "text" | "number" | "prototype";

/** JSON that is well-formed and not accepted, with the bound or rule that it breaks. */
export class UnacceptableJson extends Error {
  readonly rule: JsonRule;
  /** Where in the value, by names and indexes; empty for the whole. */
  readonly at: readonly string[];
  constructor(rule: JsonRule, message: string, at: readonly string[] = []) {
    super(message);
    this.name = "UnacceptableJson";
    this.rule = rule;
    this.at = at;
  }
}

/**
 * Parses JSON from outside: HTTP bodies, RPC calls, broker messages, files. Throws SyntaxError where it is no JSON, and
 * {@link UnacceptableJson} where it is deeper than {@link jsonDepthMax}, names a prototype, or holds a text or number
 * that PostgreSQL cannot store. Depth is checked on the text, before anything recursive reads it. Whoever calls bounds
 * the length.
 */
export function readJson(text: string): unknown {
  const { deep, long } = scan(text);
  if (deep) throw new UnacceptableJson("depth", `is nested deeper than ${jsonDepthMax} levels`);
  if (!long && !suspicious.test(text)) return JSON.parse(text);
  const value: unknown = JSON.parse(text, refusePrototypes);
  refuseUnstorable(value);
  return value;
}

/** Throws {@link UnacceptableJson} for what PostgreSQL cannot store, or what is deeper than {@link jsonDepthMax}. */
export function refuseUnstorable(value: unknown): void {
  const found = unstorable(value, 0);
  if (found === undefined) return;
  const messages = {
    text: "holds what cannot be stored",
    number: "holds a number that cannot be stored",
    depth: `is nested deeper than ${jsonDepthMax} levels`,
  } as const;
  throw new UnacceptableJson(found.rule, messages[found.rule], found.at);
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;

/** The largest number that JavaScript holds has 309 digits. */
const digitsMax = 300;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/**
 * Whether brackets outside of strings nest deeper than {@link jsonDepthMax}, and whether a number has so many digits that
 * it may be read as Infinity. Reads each character once and does not recurse.
 */
function scan(text: string): { readonly deep: boolean; readonly long: boolean } {
  let long = false;
  let depth = 0;
  let digits = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === backslash) index += 1;
      else if (code === quote) inString = false;
      continue;
    }
    digits = isDigit(code) ? digits + 1 : 0;
    if (digits === digitsMax) long = true;
    if (code === quote) inString = true;
    else if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    if (depth > jsonDepthMax) return { deep: true, long };
  }
  return { deep: false, long };
}

/**
 * What a text could hold that is worth a search: a prototype's name, or an escape that spells one, a NUL or half a
 * surrogate pair, and a number beyond 1.8e308, which JavaScript reads as Infinity. Decoded UTF-8 has none of these otherwise.
 */
const suspicious = /\\u|__proto__|"constructor"|\d[eE]\+?\d{3}/;

function refusePrototypes(name: string, value: unknown): unknown {
  const isPrototype = name === "__proto__" || (name === "constructor" && isObject(value) && Object.hasOwn(value, "prototype"));
  if (isPrototype) throw new UnacceptableJson("prototype", "names a prototype");
  return value;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

interface Unstorable {
  readonly rule: "text" | "number" | "depth";
  readonly at: readonly string[];
}

const plainName = /^[\w$-]+$/;
const isUnstorableText = (text: string): boolean => text.includes("\u0000") || !text.isWellFormed();

/** PostgreSQL keeps no NUL, half a surrogate pair is no character, and JSON has no Infinity. */
function unstorable(value: unknown, depth: number): Unstorable | undefined {
  if (typeof value === "string") return isUnstorableText(value) ? { rule: "text", at: [] } : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { rule: "number", at: [] };
  if (!isObject(value)) return undefined;
  if (depth === jsonDepthMax) return { rule: "depth", at: [] };
  const members = value as Readonly<Record<string, unknown>>;
  for (const name in members) {
    if (!plainName.test(name) && isUnstorableText(name)) return { rule: "text", at: [] };
    const found = unstorable(members[name], depth + 1);
    if (found !== undefined) return { rule: found.rule, at: [name, ...found.at] };
  }
  return undefined;
}
