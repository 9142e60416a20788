import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type } from "#operation/declaration/schema.ts";
import { decisions } from "../module.ts";

/** As many as a repair takes at most, also where each row of the page stands for two parts. */
const rowsOfPage = 500;

/** Lists the keys of the projection's entries, those that are there and those that should be (`gatehouse projection`). */
export const listEntryKeys = decisions.query("listEntryKeys", {
  summary: "List the entries that the projection has or should have.",
  allow: operatorOnly(),
  everyTenant: "the projection serves every tenant",
  input: Type.Object({ cursor: nullable(Type.String({ maxLength: 400 })) }),
  output: Type.Object({ keys: Type.Array(Type.String()), next: nullable(Type.String()) }),
  async run({ store, uses }, { cursor }) {
    const { keys, next } = await store.keys(cursor, rowsOfPage, uses.access.entryKeys);
    return { keys: [...keys], next };
  },
});
