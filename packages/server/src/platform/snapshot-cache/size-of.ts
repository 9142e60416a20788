/** What V8 takes for a text, a number and an object beside what is in them; an estimate, and rather too much than too little. */
const textBytes = 24;
const valueBytes = 16;
const objectBytes = 56;

/** Bytes that a value of JSON takes in memory, about. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return textBytes + value.length * 2;
  if (typeof value !== "object" || value === null) return valueBytes;
  let bytes = objectBytes;
  if (Array.isArray(value)) for (const item of value) bytes += 8 + sizeOf(item);
  else for (const name in value) bytes += 8 + textBytes + name.length + sizeOf((value as Record<string, unknown>)[name]);
  return bytes;
}
