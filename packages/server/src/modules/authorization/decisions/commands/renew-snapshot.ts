import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { decisions } from "../module.ts";

/** Empties the Redis snapshot of the projection; it fills again with what is asked for. Needed after the database was restored. */
export const renewSnapshot = decisions.command("renewSnapshot", {
  summary: "Begin the Redis snapshot of the projection anew.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.SharedCopyRenewed", category: "System", severity: "Info" },
  everyTenant: "the projection serves every tenant",
  input: Type.Object({}),
  output: Nothing,
  // Before the transaction, so that nothing waits for the cache inside of it.
  prepare: ({ state }) => state.renewSnapshot(),
  run: async () => null,
});
