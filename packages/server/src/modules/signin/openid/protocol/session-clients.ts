import type { ActiveClient } from "../active-client.ts";
import type { RequestState } from "./request-state.ts";

/** Remembers that a client gets tokens of the session, so that it is told when the session ends. */
export function rememberClient({ login, work }: RequestState, { id, backchannelLogoutUri }: ActiveClient): void {
  if (login === null || backchannelLogoutUri === null) return;
  work.add("SessionClient", async (store, now) => {
    await store.rememberSessionClient({ session_id: login.sessionId, client_id: id, user_id: login.userId, created_at: now });
    return true;
  });
}
