import { v7 as uuid } from "uuid";
import { isEntryKey } from "#modules/authorization/access/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { EntryKeys } from "../entry-keys.ts";
import { ProjectionChanged } from "../events.ts";
import { decisions } from "../module.ts";

/**
 * Computes projection entries anew from the tables: after a check has found them missing (decision 0002), and all of them for
 * `gatehouse projection rebuild`. What lies under a key that no entry has is removed.
 */
export const repairProjection = decisions.command("repairProjection", {
  summary: "Put missing projection entries back.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.Repaired", category: "System", severity: "Info" },
  everyTenant: "the projection serves every tenant",
  input: Type.Object({ keys: EntryKeys }),
  output: Nothing,
  async run({ store, uses, emit, services }, { keys }) {
    // The projector and this one after the other: what is computed first must not be written last.
    await store.lockProjection();
    await store.removeEntries(keys.filter((key) => !isEntryKey(key)));
    const { number, failed } = await store.project(keys.filter(isEntryKey), uses.access.computeEntries);
    if (failed.length > 0) services.logger.error({ keys: failed }, "projection entries could not be computed and are dead letters");
    emit(ProjectionChanged, { changeId: uuid(), handled: [], keys, number });
    return null;
  },
});
