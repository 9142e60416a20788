import { operatorOnly } from "../../../operation/authorization.ts";
import { Type } from "../../../operation/schema.ts";
import { reportStopped } from "../../../platform/retention/ceiling.ts";
import { access } from "../module.ts";

const dayMs = 86_400_000;

/** Removes kept questions that are older than they are kept. */
export const forgetOldDecisions = access.command("forgetOldDecisions", {
  summary: "Remove kept decisions whose time is over.",
  allow: operatorOnly(),
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ stopped: Type.Boolean() }),
  async run({ store, platform, now }) {
    const may = await store.forgetRecordedBefore(new Date(now.getTime() - platform.settings.decisionDays * dayMs));
    if (!may) reportStopped(platform.logger, "access.decisions");
    return { stopped: !may };
  },
});
