import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type } from "#operation/declaration/schema.ts";
import { decisions } from "../module.ts";

/** Rows of a page. Each row may have two keys, and a repair accepts 1,000 keys. */
const rowsOfPage = 500;

/** Lists the keys of the projection's stored and expected entries (`gatehouse projection`). */
export const listEntryKeys = decisions.query("listEntryKeys", {
  summary: "List the stored and the expected entries of the projection.",
  allow: operatorOnly(),
  everyTenant: "the projection serves every tenant",
  input: Type.Object({ cursor: nullable(Type.String({ maxLength: 400 })) }),
  output: Type.Object({ keys: Type.Array(Type.String()), next: nullable(Type.String()) }),
  async run({ store, uses }, { cursor }) {
    const { keys, next } = await store.keys(cursor, rowsOfPage, uses.access.entryKeys);
    return { keys: [...keys], next };
  },
});
