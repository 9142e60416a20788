import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { tenancy } from "../module.ts";

/** Sets the status of expired invitations, so that the roles that they offered can be deleted. */
export const expireInvitations = tenancy.command("expireInvitations", {
  summary: "Set the status of expired invitations.",
  allow: operatorOnly(),
  audit: { action: "Invitation.Expired", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ more: Type.Boolean() }),
  async run({ store, now }) {
    return { more: (await store.expireSomeInvitations(now, prunedAtOnce)) === prunedAtOnce };
  },
});
