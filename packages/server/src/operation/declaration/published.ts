import { extensibleEnumKeyword, personalKeyword, secretKeyword } from "./schema.ts";

/** A copy of a schema for publication: plain JSON, without the keywords that only this program understands. */
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
 * A copy that accepts unknown fields. Schemas of answers and events are open, schemas of requests are closed: a field may be added
 * within a version, and a client with an older schema must still accept the answer or event. Extensible enums list their values in a
 * keyword that validators ignore, for the same reason.
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
