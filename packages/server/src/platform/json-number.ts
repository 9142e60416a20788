/** Every decimal of at most this many significant digits survives the way into a double and back (IEEE 754 binary64). */
const digitsAlwaysKept = 15;

const form = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Whether a number of JSON means the same after it was read as a double, so that two numbers that differ never become equal:
 * no integer beyond 2^53 - 1 (RFC 7493 §2.2), nothing that overflows or underflows, no digits that a double drops.
 */
export function isExactNumber(token: string): boolean {
  const value = Number(token);
  if (Number.isNaN(value)) return true; // no number at all: the parser says so
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  const written = digitsOf(token);
  return written === undefined || written.length <= digitsAlwaysKept ? value !== 0 || written === "" : written === digitsOf(String(value));
}

/** Significant digits, without zeros at either end; empty for zero, undefined for what is no number. */
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
