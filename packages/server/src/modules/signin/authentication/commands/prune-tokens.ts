import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";

/** Limits the transaction, which delays the log's horizon. The job calls again while there are more. */
const batchSize = 1_000;
/** Longer than a call that uses a token may be retried. */
const retentionMs = 24 * 3_600 * 1_000;

/** Deletes used one-time tokens. A used token is refused with or without its row. */
export const pruneTokens = authentication.command("pruneTokens", {
  summary: "Delete one-time tokens that were used.",
  allow: operatorOnly(),
  audit: { action: "OneTimeTokens.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now }) {
    const removed = await store.prune(new Date(now.getTime() - retentionMs), batchSize);
    return { removed, more: removed === batchSize };
  },
});
