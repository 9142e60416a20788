/** Up to this many comparisons in the worst case, the JavaScript engine's own search is faster. */
const nativeMax = 100_000;

/**
 * Whether `text` contains `part`, in time linear in the sum of their lengths. The engine's own search takes the product if the part
 * almost matches everywhere (`aaaa…` and `baaa…`), which a caller can send; then the Knuth-Morris-Pratt algorithm is used.
 */
export function includesText(text: string, part: string): boolean {
  if (part.length > text.length) return false;
  if ((text.length - part.length + 1) * part.length <= nativeMax) return text.includes(part);
  const borders = bordersOf(part);
  let matched = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    while (matched > 0 && part.charCodeAt(matched) !== code) matched = borders[matched - 1] as number;
    if (part.charCodeAt(matched) === code) matched += 1;
    if (matched === part.length) return true;
  }
  return part.length === 0;
}

/** For each prefix of the part, the length of its longest proper prefix that is also a suffix. */
function bordersOf(part: string): Uint32Array {
  const borders = new Uint32Array(part.length);
  let length = 0;
  for (let index = 1; index < part.length; index += 1) {
    const code = part.charCodeAt(index);
    while (length > 0 && part.charCodeAt(length) !== code) length = borders[length - 1] as number;
    if (part.charCodeAt(length) === code) length += 1;
    borders[index] = length;
  }
  return borders;
}
