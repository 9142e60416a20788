import { v7 as uuid } from "uuid";
import { isEntryKey } from "#modules/authorization/access/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { EntryKeys } from "../entry-keys.ts";
import { ProjectionChanged } from "../events.ts";
import { decisions } from "../module.ts";

/**
 * Recomputes projection entries from the tables: entries that a check found missing (decision 0002), or all for `gatehouse projection
 * rebuild`. Removes rows with an invalid key.
 */
export const repairProjection = decisions.command("repairProjection", {
  summary: "Recompute projection entries.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.Repaired", category: "System", severity: "Info" },
  everyTenant: "the projection serves every tenant",
  input: Type.Object({ keys: EntryKeys }),
  output: Nothing,
  async run({ store, uses, emit, services }, { keys }) {
    // Excludes the projector: an older result must not overwrite a newer one.
    await store.lockProjection();
    await store.removeEntries(keys.filter((key) => !isEntryKey(key)));
    const { number, failed } = await store.project(keys.filter(isEntryKey), uses.access.computeEntries);
    if (failed.length > 0) services.logger.error({ keys: failed }, "projection entries could not be computed and are dead letters");
    emit(ProjectionChanged, { changeId: uuid(), handled: [], keys, number });
    return null;
  },
});
