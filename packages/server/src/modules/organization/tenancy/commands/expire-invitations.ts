import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { tenancy } from "../module.ts";

/** Marks the invitations whose time is over, so that they no longer keep the roles that they offered from being deleted. */
export const expireInvitations = tenancy.command("expireInvitations", {
  summary: "Mark invitations that have expired.",
  allow: operatorOnly(),
  audit: { action: "Invitation.Expired", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ more: Type.Boolean() }),
  async run({ store, now }) {
    return { more: (await store.expireSomeInvitations(now, prunedAtOnce)) === prunedAtOnce };
  },
});
