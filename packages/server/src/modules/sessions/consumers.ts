import type { Consumer } from "../../platform/bus/bus.ts";
import type { WriteHandle } from "../../platform/database/database.ts";
import { PasswordChanged, UserStatusChanged } from "../identity/index.ts";
import { MemberRemoved } from "../tenancy/index.ts";
import type { People } from "./session-memory.ts";
import { sessionStore } from "./store.ts";

/**
 * Deletes sessions that another module's change has ended. They are refused from the change on: by the user's epoch, or
 * by the membership that is gone.
 */
export const endSessionsOfChangedUsers = (
  peopleOf: (tx: WriteHandle) => { readonly identity: Pick<People, "sessionFacts"> },
): Consumer => ({
  name: "sessions.end-with-user",
  types: [PasswordChanged.type, UserStatusChanged.type, MemberRemoved.type],
  batch: 50,
  async handle(events, tx) {
    const store = sessionStore.writes(tx);
    for (const event of events) {
      const { userId, organizationId } = event.data as { userId: string; organizationId?: string | null };
      if (event.type === MemberRemoved.type && organizationId) await store.endInOrganization(userId, organizationId);
      // An event that comes late finds the newest epoch: sessions that began since are left alone.
      const facts = await peopleOf(tx).identity.sessionFacts(userId);
      if (facts) await store.endEarlierEpochs(userId, facts.sessionEpoch);
    }
  },
});
