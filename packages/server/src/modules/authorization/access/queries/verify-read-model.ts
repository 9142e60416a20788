import { operatorOnly } from "#operation/authorization.ts";
import { Type } from "#operation/schema.ts";
import { PartKeys } from "../model.ts";
import { access } from "../module.ts";
import { userFactsOf } from "../read-model/user-facts.ts";

/** Computes parts anew and tells which are kept otherwise. An event that is not projected yet shows as a difference, too. */
export const verifyReadModel = access.query("verifyReadModel", {
  summary: "Tell which parts of the access read model are not what the tables say.",
  allow: operatorOnly(),
  everyTenant: "the read model serves every tenant",
  input: Type.Object({ keys: PartKeys }),
  output: Type.Object({
    differences: Type.Array(Type.Object({ key: Type.String(), where: Type.String(), how: Type.String() })),
  }),
  async run({ store, uses, platform }, { keys }) {
    return { differences: [...(await store.verifyParts(platform.cache, keys, userFactsOf(uses.identity)))] };
  },
});
