import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { reportStopped } from "#platform/retention/ceiling.ts";
import { decisions } from "../module.ts";

const dayMs = 86_400_000;

/** Removes recorded decisions past their retention. */
export const pruneDecisions = decisions.command("pruneDecisions", {
  summary: "Remove recorded decisions past their retention.",
  allow: operatorOnly(),
  audit: { action: "Decisions.Forgotten", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ more: Type.Boolean(), stopped: Type.Boolean() }),
  async run({ store, services, now }) {
    const before = new Date(now.getTime() - services.settings.decisionDays * dayMs);
    const { removed, stopped } = await store.pruneRecordedBefore(before, prunedAtOnce);
    if (stopped) reportStopped(services.logger, "decisions.recorded");
    return { more: removed === prunedAtOnce, stopped };
  },
});
