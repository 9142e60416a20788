import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { decisions } from "../module.ts";

/** Empties the Redis snapshot of the projection; reads fill it again. Needed after a restore of the database. */
export const renewSnapshot = decisions.command("renewSnapshot", {
  summary: "Empty the Redis snapshot of the projection.",
  allow: operatorOnly(),
  audit: { action: "ReadModel.SharedCopyRenewed", category: "System", severity: "Info" },
  everyTenant: "the projection serves every tenant",
  input: Type.Object({}),
  output: Nothing,
  // Before the transaction, which must not wait for Redis.
  prepare: ({ state }) => state.renewSnapshot(),
  run: async () => null,
});
