import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { decisions } from "../module.ts";

/** Lists what processes have reported so far for a check that `startCacheCheck` started. */
export const listCacheReports = decisions.query("listCacheReports", {
  summary: "List the results of a cache check.",
  allow: operatorOnly(),
  everyTenant: "the caches serve every tenant",
  input: Type.Object({ checkId: Uuid }),
  output: Type.Object({
    reports: Type.Array(
      Type.Object({
        host: Type.String(),
        pid: Type.Integer(),
        entries: Type.Integer(),
        differing: Type.Integer(),
        keys: Type.Array(Type.String()),
      }),
    ),
  }),
  run: async ({ store }, { checkId }) => ({ reports: [...(await store.cacheReports(checkId))] }),
});
