import { PasswordChanged, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { sessionStore } from "./store.ts";

/** An erased organization has a thousand members removed at once; a batch of them is two statements. */
const eventsAtOnce = 500;

/**
 * Deletes sessions that another module's change has ended. They are refused from the change on: by the user's epoch, or
 * by the membership that is gone.
 */
export const endSessionsOfChangedUsers = (
  peopleOf: (tx: WriteHandle) => { readonly identity: { sessionEpochs(userIds: readonly string[]): Promise<ReadonlyMap<string, number>> } },
): Consumer => ({
  name: "sessions.end-with-user",
  types: [PasswordChanged.type, UserStatusChanged.type, MemberRemoved.type],
  batch: eventsAtOnce,
  async handle(events, tx) {
    const store = sessionStore.writes(tx);
    const changed = events.map(({ type, data }) => ({ type, ...(data as { userId: string; organizationId?: string | null }) }));
    const left = changed.flatMap(({ type, userId, organizationId }) =>
      type === MemberRemoved.type && organizationId ? [{ user_id: userId, organization_id: organizationId }] : [],
    );
    await store.endInOrganizations(left);
    // An event that comes late finds the newest epoch: sessions that began since are left alone.
    const epochs = await peopleOf(tx).identity.sessionEpochs([...new Set(changed.map(({ userId }) => userId))]);
    await store.endEarlierEpochs([...epochs].map(([user_id, epoch]) => ({ user_id, epoch })));
  },
});
