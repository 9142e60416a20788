import type { ModuleManifest } from "#operation/declaration/module.ts";
import { sessionAuthenticator } from "./authenticator.ts";
import { deleteExpiredSessions } from "./commands/delete-expired-sessions.ts";
import { endAllSessions } from "./commands/end-all-sessions.ts";
import { endOtherSessions } from "./commands/end-other-sessions.ts";
import { endSession } from "./commands/end-session.ts";
import { endSessionsOfUser } from "./commands/end-sessions-of-user.ts";
import { logout } from "./commands/logout.ts";
import { endSessionsOfChangedUsers } from "./consumers.ts";
import { events } from "./events.ts";
import { sessionGauge } from "./gauges.ts";
import { deleteExpiredSessionsJob, deleteExpiredSessionsWork } from "./jobs.ts";
import { sessions } from "./module.ts";
import { getSession } from "./queries/get-session.ts";
import { listSessions } from "./queries/list-sessions.ts";
import { steps } from "./schema-steps.ts";

export type { UserReads } from "./active-user.ts";
export { type EndedReason, SessionEnded, SessionExpired, SessionStarted } from "./events.ts";
export type { SessionFacts } from "./module.ts";
export { SessionCache } from "./session-cache.ts";
export { sessions };

export const manifest: ModuleManifest = {
  module: sessions,
  operations: [logout, listSessions, endSession, endOtherSessions, endSessionsOfUser, endAllSessions, getSession, deleteExpiredSessions],
  events,
  steps,
  authenticators: (process) => [sessionAuthenticator(process)],
  consumers: (_platform, apis) => [endSessionsOfChangedUsers(apis)],
  gauges: [sessionGauge],
  queues: [deleteExpiredSessionsJob],
  jobs: (_platform, dispatch) => [deleteExpiredSessionsWork(dispatch)],
};
