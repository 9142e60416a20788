import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { apikeys } from "../module.ts";

const dayMs = 86_400_000;

/** Deletes usage past its retention, and keys that have been revoked or expired for the same time. */
export const pruneApiKeys = apikeys.command("pruneApiKeys", {
  summary: "Delete usage, and revoked or expired API keys, past their retention.",
  allow: operatorOnly(),
  audit: { action: "ApiKey.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ usage: Type.Integer(), keys: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now, services }) {
    const { apiKeyUsageDays } = services.settings;
    if (apiKeyUsageDays === 0) return { usage: 0, keys: 0, more: false };
    const until = new Date(now.getTime() - apiKeyUsageDays * dayMs);
    const usage = await store.deleteUsage(until, prunedAtOnce);
    // Deleting a key also deletes its remaining usage, so usage is pruned first, in batches.
    const keys = usage === prunedAtOnce ? 0 : await store.deleteInactive(until, prunedAtOnce);
    return { usage, keys, more: usage === prunedAtOnce || keys === prunedAtOnce };
  },
});
