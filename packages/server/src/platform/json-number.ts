/** Every decimal of at most this many significant digits survives a round trip through a double (IEEE 754 binary64). */
const digitsAlwaysExact = 15;

const form = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Whether a JSON number has the same value as a double, so that two different numbers never become equal:
 * no integer beyond 2^53 - 1 (RFC 7493 §2.2), no overflow or underflow, no digits that a double drops.
 */
export function isExactNumber(token: string): boolean {
  const value = Number(token);
  if (Number.isNaN(value)) return true; // not a number: the parser rejects it
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  const written = digitsOf(token);
  return written === undefined || written.length <= digitsAlwaysExact ? value !== 0 || written === "" : written === digitsOf(String(value));
}

/** Significant digits, without zeros at either end; empty for zero, undefined if it is not a number. */
function digitsOf(token: string): string | undefined {
  const [, , whole = "", fraction = ""] = form.exec(token) ?? [];
  if (whole === "") return undefined;
  return `${whole}${fraction}`.replace(/^0+/, "").replace(/0+$/, "");
}

/** The names and indexes that lead to the character at `end` of a well-formed JSON text. */
export function pathTo(text: string, end: number): readonly string[] {
  const path: (string | number)[] = [];
  let name = "";
  for (let index = 0; index < end; index += 1) {
    const character = text[index];
    if (character === '"') {
      const close = endOfText(text, index);
      name = text.slice(index, close + 1);
      index = close;
    } else if (character === ":") path[path.length - 1] = JSON.parse(name) as string;
    else if (character === "{" || character === "[") path.push(character === "[" ? 0 : "");
    else if (character === "}" || character === "]") path.pop();
    else if (character === "," && typeof path.at(-1) === "number") path[path.length - 1] = (path.at(-1) as number) + 1;
  }
  return path.map(String);
}

function endOfText(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text[index] !== '"') index += text[index] === "\\" ? 2 : 1;
  return index;
}
