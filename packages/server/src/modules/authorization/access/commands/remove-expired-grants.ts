import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { reportStopped } from "#platform/retention/ceiling.ts";
import { GrantRevoked } from "../events.ts";
import { access } from "../module.ts";
import { grantEventData, revokedAtOnce } from "../revoke-subject.ts";

/** Expired grants are still listed for this long, to explain why access ended. */
const expiredDaysMax = 30;

/** Removes grants that expired long ago. */
export const removeExpiredGrants = access.command("removeExpiredGrants", {
  summary: "Remove grants that expired 30 days ago or earlier.",
  allow: operatorOnly(),
  audit: { action: "Grant.ExpiredRemoved", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ more: Type.Boolean(), stopped: Type.Boolean() }),
  async run({ store, emit, services }) {
    const { rows, more, stopped } = await store.removeExpiredGrants(expiredDaysMax, revokedAtOnce);
    for (const row of rows) emit(GrantRevoked, grantEventData(row));
    if (stopped) reportStopped(services.logger, "access.grants");
    return { more, stopped };
  },
});
