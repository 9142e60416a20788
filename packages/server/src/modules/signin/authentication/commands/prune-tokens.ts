import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";

/** One transaction must not hold the log's horizon back for long; the job calls again while there are more. */
const atOnceMax = 1_000;
/** Longer than any call that spends a token takes to be retried. */
const keptMs = 24 * 3_600 * 1_000;

/** Deletes one-time tokens that were used: a used token is refused whether or not its row is there. */
export const pruneTokens = authentication.command("pruneTokens", {
  summary: "Delete one-time tokens that were used.",
  allow: operatorOnly(),
  audit: { action: "OneTimeTokens.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now }) {
    const removed = await store.prune(new Date(now.getTime() - keptMs), atOnceMax);
    return { removed, more: removed === atOnceMax };
  },
});
