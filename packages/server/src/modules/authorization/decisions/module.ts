import { access } from "#modules/authorization/access/index.ts";
import { module } from "#operation/declaration/module.ts";
import { readerOf } from "./projection/reader-of.ts";
import { decisionsStore } from "./store.ts";

/** The projection and the decisions from it: check, explain, filter, lists and previews. */
export const decisions = module("decisions", {
  store: decisionsStore,
  state: readerOf,
  uses: { access },
  cachedApi: ({ state }) => ({
    /** The permissions that the user has in the scope, always or under a condition; each list is sorted. */
    permissionsOf: (userId: string, organizationId: string | null) => state.permissionsOf(userId, organizationId),
    /**
     * Whether the user holds all of `permissions` in the scope, at least under a condition. A condition that reads the request or session can
     * be decided only when the permission is used.
     */
    async mayHold(userId: string, organizationId: string | null, permissions: readonly string[]): Promise<boolean> {
      const { always, conditional } = await state.permissionsOf(userId, organizationId);
      const granted = new Set([...always, ...conditional]);
      return permissions.every((permission) => granted.has(permission));
    },
  }),
  writeApi: ({ store }) => ({
    /** Removes at most `limit` recorded decisions of an organization; false if none was left. */
    eraseSome: async (organizationId: string, limit: number): Promise<boolean> =>
      (await store.eraseRecordedDecisions(organizationId, limit)) > 0,
  }),
});
