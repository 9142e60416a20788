import { extensibleEnumKeyword, personalKeyword, secretKeyword } from "./schema.ts";

/** A copy of a schema as others may read it: plain JSON, without the marks that only this program understands. */
export function published(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(published);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => name !== secretKeyword && name !== personalKeyword)
      .map(([name, value]) => [name, published(value)]),
  );
}

/**
 * A copy that takes fields which it does not know. What the product sends is described open, where what it takes is closed: a field
 * may be added within a version, and who checks with last year's schema must still accept the answer or event. So it is with
 * values that grow: they are listed where a validator does not look.
 */
export function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened);
  if (typeof schema !== "object" || schema === null) return schema;
  const grows = extensibleEnumKeyword in schema && "enum" in schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => !(name === "additionalProperties" && value === false) && !(grows && name === "enum"))
      .map(([name, value]) => [name, grows && name === extensibleEnumKeyword ? schema.enum : opened(value)]),
  );
}
