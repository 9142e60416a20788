import { internal } from "#operation/declaration/authorization.ts";
import { sessionIdOf } from "#operation/declaration/principal.ts";
import { Timestamp, Type } from "#operation/declaration/schema.ts";
import { ended, SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";
import { endBatchSize } from "../store.ts";

/** Ends all sessions that started before a time, except the caller's own. For use after a breach (ASVS 7.4.5). */
export const endAllSessions = sessions.command("endAllSessions", {
  http: "POST /api/v1/sessions/end",
  summary: "End the sessions of all users that started before a time, except the current one.",
  allow: internal("User.SetStatus"),
  audit: { action: "Session.EndedForAll", category: "Security", severity: "Critical" },
  everyTenant: "it ends the sessions of all users",
  inBatches: "there may be a million sessions",
  input: Type.Object({ startedBefore: Timestamp }),
  output: Type.Object({ ended: Type.Integer() }),
  async run({ store, principal, emit, audit, more }, { startedBefore }, _prepared, done) {
    const own = principal.kind === "user" ? sessionIdOf(principal) : undefined;
    const except = own === undefined ? {} : { except: own };
    const rows = await store.endBatch({ ...except, until: new Date(startedBefore) });
    for (const row of rows) emit(SessionEnded, ended(row, "ended_by_administrator"));
    const count = (done?.ended ?? 0) + rows.length;
    audit({ after: { ended: count } });
    if (rows.length === endBatchSize) more();
    return { ended: count };
  },
});
