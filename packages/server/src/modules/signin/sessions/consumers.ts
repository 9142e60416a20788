import { type identity, PasswordChanged, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { sessionStore } from "./store.ts";

/** The erasure of an organization removes many members; a batch of events is handled with two statements. */
const batchSize = 500;

/**
 * Deletes sessions that a change in another module has ended. They are refused from the change on: by the user's epoch, or because the
 * membership is gone.
 */
export const endSessionsOfChangedUsers = (apis: (tx: WriteHandle) => ReadApisOf<{ readonly identity: typeof identity }>): Consumer => ({
  name: "sessions.end-with-user",
  types: [PasswordChanged.type, UserStatusChanged.type, MemberRemoved.type],
  batch: batchSize,
  async handle(events, tx) {
    const store = sessionStore.writes(tx);
    const changed = events.map(({ type, data }) => ({ type, ...(data as { userId: string; organizationId?: string | null }) }));
    const removedMembers = changed.flatMap(({ type, userId, organizationId }) =>
      type === MemberRemoved.type && organizationId ? [{ user_id: userId, organization_id: organizationId }] : [],
    );
    await store.endInOrganizations(removedMembers);
    // A late event reads the newest epoch: it does not end sessions that started since.
    const epochs = await apis(tx).identity.sessionEpochs([...new Set(changed.map(({ userId }) => userId))]);
    await store.endEarlierEpochs([...epochs].map(([user_id, epoch]) => ({ user_id, epoch })));
  },
});
