import { operatorOnly } from "../../../operation/authorization.ts";
import { Nothing, Type } from "../../../operation/schema.ts";
import { access } from "../module.ts";

const dayMs = 86_400_000;

/** Removes kept questions that are older than they are kept. */
export const forgetOldDecisions = access.command("forgetOldDecisions", {
  summary: "Remove kept decisions whose time is over.",
  allow: operatorOnly(),
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Nothing,
  async run({ store, platform, now }) {
    await store.forgetRecordedBefore(new Date(now.getTime() - platform.settings.decisionDays * dayMs));
    return null;
  },
});
