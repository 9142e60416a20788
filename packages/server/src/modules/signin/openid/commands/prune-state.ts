import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { backchannelLogoutJob } from "../backchannel-logout-job.ts";
import { openid } from "../module.ts";

/** Deletes expired codes, tokens and grants. Tells the clients of sessions that ended without an event, as with their user. */
export const pruneState = openid.command("pruneState", {
  summary: "Delete the expired state of the OpenID Provider.",
  allow: operatorOnly(),
  audit: { action: "OpenId.Pruned", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), told: Type.Integer(), more: Type.Boolean() }),
  async run({ store, enqueue, now, services }) {
    const removed = await store.deleteExpiredState(now, prunedAtOnce);
    const before = new Date(now.getTime() - services.settings.sessionAbsoluteSeconds * 1_000);
    const old = await store.takeOldSessionClients(before, prunedAtOnce);
    for (const { client_id, user_id, session_id } of old)
      await enqueue(backchannelLogoutJob, { clientId: client_id, userId: user_id, sessionId: session_id });
    return { removed, told: old.length, more: removed === prunedAtOnce || old.length === prunedAtOnce };
  },
});
