/** Up to this many characters compared at worst, the engine's own search is faster than any that is made here. */
const nativeMax = 100_000;

/**
 * Whether `text` has `part` in it, in the time of their lengths' sum. The engine's own search takes the product of both where a part
 * is nearly found at every place (`aaaa…` and `baaa…`), which a caller can send; then Knuth, Morris and Pratt's is used.
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

/** Of each beginning of the part, the length of the longest proper beginning that it also ends with. */
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
