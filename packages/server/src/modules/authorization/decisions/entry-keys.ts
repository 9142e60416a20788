import { Type } from "#operation/declaration/schema.ts";

/** Keys of projection entries, limited to what one transaction handles. */
export const EntryKeys = Type.Array(Type.String({ maxLength: 300 }), { minItems: 1, maxItems: 1_000 });
