import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { apikeys } from "../module.ts";

const dayMs = 86_400_000;
/** Rows in one transaction: it must not hold the log's horizon back for long. */
const atOnceMax = 2_000;

/** Deletes usage past its retention, and keys that were revoked or have expired for as long. */
export const pruneApiKeys = apikeys.command("pruneApiKeys", {
  summary: "Delete old usage of API keys, and keys that ended long ago.",
  allow: operatorOnly(),
  audit: { action: "ApiKey.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ usage: Type.Integer(), keys: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now, services }) {
    const { apiKeyUsageDays } = services.settings;
    if (apiKeyUsageDays === 0) return { usage: 0, keys: 0, more: false };
    const until = new Date(now.getTime() - apiKeyUsageDays * dayMs);
    const usage = await store.deleteUsage(until, atOnceMax);
    // A key takes what is left of its usage along, so it goes after its usage.
    const keys = usage === atOnceMax ? 0 : await store.deleteEnded(until, atOnceMax);
    return { usage, keys, more: usage === atOnceMax || keys === atOnceMax };
  },
});
