/** V8's overhead of a text, a number and an object; a conservative estimate. */
const textBytes = 24;
const valueBytes = 16;
const objectBytes = 56;

/** The approximate size of a JSON value in memory, in bytes. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return textBytes + value.length * 2;
  if (typeof value !== "object" || value === null) return valueBytes;
  let bytes = objectBytes;
  if (Array.isArray(value)) for (const item of value) bytes += 8 + sizeOf(item);
  else for (const name in value) bytes += 8 + textBytes + name.length + sizeOf((value as Record<string, unknown>)[name]);
  return bytes;
}
