import { access } from "#modules/authorization/access/index.ts";
import { module } from "#operation/declaration/module.ts";
import { readerOf } from "./projection/reader-of.ts";
import { decisionsStore } from "./store.ts";

/** Decisions from the projection: check, explain, filter, lists and previews, and the projection itself. */
export const decisions = module("decisions", {
  store: decisionsStore,
  state: readerOf,
  uses: { access },
  readApi: ({ state }) => ({
    /**
     * True where the user may hold all of `permissions` in the scope, always or under a condition: a condition that needs a request or a
     * session is decided where the permission is used.
     */
    async mayHold(userId: string, organizationId: string | null, permissions: readonly string[]): Promise<boolean> {
      const { always, conditional } = await state.permissionsOf(userId, organizationId);
      const granted = new Set([...always, ...conditional]);
      return permissions.every((permission) => granted.has(permission));
    },
  }),
  writeApi: ({ store }) => ({
    /** Removes at most `limit` recorded questions of an organization; false where none was left. */
    eraseSome: async (organizationId: string, limit: number): Promise<boolean> =>
      (await store.eraseRecordedDecisions(organizationId, limit)) > 0,
  }),
});
