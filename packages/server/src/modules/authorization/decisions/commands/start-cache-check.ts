import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { CacheCheckRequested } from "../events.ts";
import { decisions } from "../module.ts";

/** Requests every process to compare its cached projection entries with the database and to invalidate those that differ. */
export const startCacheCheck = decisions.command("startCacheCheck", {
  summary: "Request every process to compare its caches with the projection.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.CacheCheckRequested", category: "System", severity: "Info" },
  everyTenant: "the caches serve every tenant",
  input: Type.Object({}),
  output: Type.Object({ checkId: Uuid }),
  async run({ store, emit }) {
    await store.pruneCacheReports();
    const checkId = uuid();
    emit(CacheCheckRequested, { checkId });
    return { checkId };
  },
});
