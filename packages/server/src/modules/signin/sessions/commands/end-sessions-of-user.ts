import { UserNotFound } from "#modules/foundation/identity/index.ts";
import { internal } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ended, SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";
import { endBatchSize } from "../store.ts";

/** Ends every session of a user. They may sign in again (ASVS 7.4.5). */
export const endSessionsOfUser = sessions.command("endSessionsOfUser", {
  http: "DELETE /api/v1/users/:userId/sessions",
  summary: "End every session of a user.",
  allow: internal("User.SetStatus"),
  audit: { action: "Session.EndedForUser", category: "Security", severity: "Warning", entity: "User" },
  everyTenant: "a user's sessions are for any organization",
  inBatches: "a user may have thousands of sessions",
  input: Type.Object({ userId: Uuid }),
  output: Type.Object({ ended: Type.Integer() }),
  errors: [UserNotFound],
  async run({ store, uses, emit, fail, audit, more, now }, { userId }, _prepared, done) {
    if ((await uses.identity.userById(userId)) === undefined) fail(UserNotFound);
    const rows = await store.endBatch({ userId, until: now });
    for (const row of rows) emit(SessionEnded, ended(row, "ended_by_administrator"));
    const count = (done?.ended ?? 0) + rows.length;
    audit({ after: { ended: count } });
    if (rows.length === endBatchSize) more();
    return { ended: count };
  },
});
