import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { EntryKeys } from "../entry-keys.ts";
import { decisions } from "../module.ts";

/** Computes parts anew and tells which are kept otherwise. An event that is not projected yet shows as a difference, too. */
export const verifyProjection = decisions.query("verifyProjection", {
  summary: "Tell which projection entries are not what the tables say.",
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
