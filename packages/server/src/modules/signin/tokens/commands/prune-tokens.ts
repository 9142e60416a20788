import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { tokens } from "../module.ts";

/** Limits the transaction, which delays the log's horizon. The job calls again while there are more. */
const batchSize = 1_000;

/** Deletes what has expired: refresh tokens, revocations and exchanged tokens. Each is refused with or without its row. */
export const pruneTokens = tokens.command("pruneTokens", {
  summary: "Delete refresh tokens, revocations and exchanged tokens that have expired.",
  allow: operatorOnly(),
  audit: { action: "Tokens.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now }) {
    const removed = await store.prune(now, batchSize);
    return { removed, more: removed === batchSize };
  },
});
