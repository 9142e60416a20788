import { isExactNumber, pathTo } from "./json-number.ts";

/** No request or message needs more. Deeper data can only be meant to exhaust the stack of recursive functions. */
export const jsonDepthMax = 64;

export type JsonRule = "depth" | "size" | "text" | "number" | "prototype";

/** JSON that is well-formed but not accepted, with the limit or rule that it breaks. */
export class UnacceptableJson extends Error {
  readonly rule: JsonRule;
  /** The path in the value, as names and indexes; empty for the whole value. */
  readonly path: readonly string[];
  constructor(rule: JsonRule, message: string, path: readonly string[] = []) {
    super(message);
    this.name = "UnacceptableJson";
    this.rule = rule;
    this.path = path;
  }
}

/**
 * Parses untrusted JSON: HTTP bodies, RPC calls, broker messages, files. Throws SyntaxError if it is malformed, and
 * {@link UnacceptableJson} if it is deeper than {@link jsonDepthMax}, names a prototype, contains a string that
 * PostgreSQL cannot store, or a number that a double cannot represent (decision 0038). Depth and numbers are checked on the
 * text, before any recursive code runs. The caller limits the length.
 */
export function readJson(text: string): unknown {
  const { deep, inexactAt } = scan(text);
  if (deep) throw new UnacceptableJson("depth", `is nested deeper than ${jsonDepthMax} levels`);
  const isSuspicious = suspicious.test(text);
  const value: unknown = isSuspicious ? JSON.parse(text, refusePrototypes) : JSON.parse(text);
  if (inexactAt !== undefined) throw new UnacceptableJson("number", inexact, pathTo(text, inexactAt));
  if (isSuspicious) refuseUnstorable(value);
  return value;
}

const inexact = "contains a number that cannot be stored exactly: beyond 2^53 - 1 or with more digits than a double has; send it as a text";

/** Throws {@link UnacceptableJson} for a value that PostgreSQL cannot store, or that is deeper than {@link jsonDepthMax}. */
export function refuseUnstorable(value: unknown): void {
  const found = unstorable(value, 0);
  if (found === undefined) return;
  const messages = {
    text: "contains a character that cannot be stored",
    number: "holds a number that cannot be stored",
    depth: `is nested deeper than ${jsonDepthMax} levels`,
  } as const;
  throw new UnacceptableJson(found.rule, messages[found.rule], found.path);
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;

const minus = 0x2d;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
/** `+`, `-`, `.`, a digit, `E` or `e`: the characters that may follow in a number. */
const isOfNumber = (code: number): boolean => isDigit(code) || code === 0x2b || code === minus || code === 0x2e || (code | 0x20) === 0x65;
/** A shorter token without an exponent is always exact. */
const lengthAlwaysExact = 15;

interface Scanned {
  readonly deep: boolean;
  /** The offset of the first number that a double cannot represent. */
  readonly inexactAt: number | undefined;
}

/**
 * Whether brackets outside of strings nest deeper than {@link jsonDepthMax}, and where a number is not exact as a double. Reads each
 * character once and does not recurse.
 */
function scan(text: string): Scanned {
  let inexactAt: number | undefined;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === backslash) index += 1;
      else if (code === quote) inString = false;
      continue;
    }
    if (isDigit(code) || code === minus) {
      const start = index;
      let mayBeInexact = false;
      for (; index + 1 < text.length && isOfNumber(text.charCodeAt(index + 1)); index += 1) {
        if ((text.charCodeAt(index + 1) | 0x20) === 0x65) mayBeInexact = true;
      }
      mayBeInexact ||= index - start >= lengthAlwaysExact;
      if (mayBeInexact && inexactAt === undefined && !isExactNumber(text.slice(start, index + 1))) inexactAt = start;
    } else if (code === quote) inString = true;
    else if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    if (depth > jsonDepthMax) return { deep: true, inexactAt };
  }
  return { deep: false, inexactAt };
}

/** Text that needs a full check: a prototype's name, or an escape that may spell one, a NUL or an unpaired surrogate. */
const suspicious = /\\u|__proto__|"constructor"/;

function refusePrototypes(name: string, value: unknown): unknown {
  const isPrototype = name === "__proto__" || (name === "constructor" && isObject(value) && Object.hasOwn(value, "prototype"));
  if (isPrototype) throw new UnacceptableJson("prototype", "contains the key of a prototype");
  return value;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

interface Unstorable {
  readonly rule: "text" | "number" | "depth";
  readonly path: readonly string[];
}

const plainName = /^[\w$-]+$/;
const isUnstorableText = (text: string): boolean => text.includes("\u0000") || !text.isWellFormed();

/** PostgreSQL stores no NUL and no unpaired surrogate, and JSON has no Infinity. */
function unstorable(value: unknown, depth: number): Unstorable | undefined {
  if (typeof value === "string") return isUnstorableText(value) ? { rule: "text", path: [] } : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { rule: "number", path: [] };
  if (!isObject(value)) return undefined;
  if (depth === jsonDepthMax) return { rule: "depth", path: [] };
  const members = value as Readonly<Record<string, unknown>>;
  for (const name in members) {
    if (!plainName.test(name) && isUnstorableText(name)) return { rule: "text", path: [] };
    const found = unstorable(members[name], depth + 1);
    if (found !== undefined) return { rule: found.rule, path: [name, ...found.path] };
  }
  return undefined;
}
