import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { EntryKeys } from "../entry-keys.ts";
import { decisions } from "../module.ts";

/** Recomputes entries and returns those whose stored value differs. An event that is not projected yet shows as a difference as well. */
export const verifyProjection = decisions.query("verifyProjection", {
  summary: "List projection entries that differ from the tables.",
  allow: operatorOnly(),
  everyTenant: "the projection serves every tenant",
  input: Type.Object({ keys: EntryKeys }),
  output: Type.Object({
    differences: Type.Array(Type.Object({ key: Type.String(), where: Type.String(), how: Type.String() })),
  }),
  async run({ store, uses, state }, { keys }) {
    return { differences: [...(await store.verifyEntries(state.snapshot, keys, uses.access.computeEntries))] };
  },
});
