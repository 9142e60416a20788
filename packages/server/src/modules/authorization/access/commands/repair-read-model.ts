import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/authorization.ts";
import { Nothing, Type } from "#operation/schema.ts";
import { ReadModelChanged } from "../events.ts";
import { PartKeys } from "../model.ts";
import { access } from "../module.ts";
import { isPartKey } from "../read-model/compute.ts";
import { userFactsOf } from "../read-model/user-facts.ts";

/**
 * Computes parts of the read model anew from the tables: after a check has found them missing (decision 0002), and all of them for
 * `gatehouse projection rebuild`. What lies under a key that no part has is removed.
 */
export const repairReadModel = access.command("repairReadModel", {
  summary: "Put missing parts of the access read model back.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.Repaired", category: "System", severity: "Info" },
  everyTenant: "the read model serves every tenant",
  input: Type.Object({ keys: PartKeys }),
  output: Nothing,
  async run({ store, uses, emit, platform }, { keys }) {
    // The projector and this one after the other: what is computed first must not be written last.
    await store.lockReadModel();
    await store.removeParts(keys.filter((key) => !isPartKey(key)));
    const { number, failed } = await store.project(keys.filter(isPartKey), userFactsOf(uses.identity));
    if (failed.length > 0) platform.logger.error({ keys: failed }, "projection entries could not be computed and are dead letters");
    emit(ReadModelChanged, { changeId: uuid(), handled: [], keys, number });
    return null;
  },
});
