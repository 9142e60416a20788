import { PasswordChanged, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import { SessionEnded, SessionExpired, type sessions } from "#modules/signin/sessions/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { backchannelLogoutJob } from "./backchannel-logout-job.ts";
import { openidStore } from "./store.ts";

const batchSize = 100;

type Apis = (tx: WriteHandle) => ReadApisOf<{ readonly sessions: typeof sessions }>;

/** Tells the clients of ended sessions, by a job for each. A session ends by an event of its own, or with a change of its user. */
export const tellClientsOfEndedSessions = (jobs: Pick<Jobs, "enqueue">, apis: Apis): Consumer => ({
  name: "openid.tell-clients-of-ended-sessions",
  types: [SessionEnded.type, SessionExpired.type, PasswordChanged.type, UserStatusChanged.type, MemberRemoved.type],
  batch: batchSize,
  async handle(events, tx) {
    const store = openidStore.writes(tx);
    const changed = events.map(({ data }) => data as { readonly sessionId?: string; readonly userId: string });
    const ended = changed.flatMap(({ sessionId }) => sessionId ?? []);
    const users = [...new Set(changed.filter(({ sessionId }) => sessionId === undefined).map(({ userId }) => userId))];
    ended.push(...(await endedSessionsOf(users, tx, apis)));
    if (ended.length === 0) return;
    for (const { client_id, user_id, session_id } of await store.takeSessionClients([...new Set(ended)]))
      await jobs.enqueue(tx, backchannelLogoutJob, { clientId: client_id, userId: user_id, sessionId: session_id });
  },
});

/** The sessions of users, among those with clients, that are not live any more. */
async function endedSessionsOf(userIds: readonly string[], tx: WriteHandle, apis: Apis): Promise<readonly string[]> {
  if (userIds.length === 0) return [];
  const rows = await openidStore.reads(tx as never).sessionClientsOf(userIds);
  const ids = [...new Set(rows.map(({ session_id }) => session_id))];
  const { sessions } = apis(tx);
  const ended: string[] = [];
  for (const id of ids) if ((await sessions.session(id)) === undefined) ended.push(id);
  return ended;
}
