import { access } from "#modules/authorization/access/index.ts";
import { module } from "#operation/declaration/module.ts";
import type { Platform } from "#platform/platform.ts";
import { makeServiceAccount } from "./make-service-account.ts";
import type { NewServiceAccount, ServiceAccountSummary } from "./model.ts";
import { type ServiceAccountRow, serviceAccountStore } from "./store.ts";

const summary = ({ id, organization_id, name, status }: ServiceAccountRow): ServiceAccountSummary => ({
  id,
  organizationId: organization_id,
  name,
  status,
});

/** Service accounts: programs with their own identity. They hold roles as members do, but have no profile and no sessions. */
export const serviceaccounts = module("serviceaccounts", {
  store: serviceAccountStore,
  state: ({ settings }: Platform) => ({ accountsMax: settings.quotas.serviceAccounts }),
  uses: { access },
  readApi: ({ store }) => ({
    async serviceAccount(id: string): Promise<ServiceAccountSummary | undefined> {
      const row = await store.serviceAccountById(id);
      return row && summary(row);
    },
    /** The service accounts that exist among `ids`, by id. */
    async serviceAccountsById(ids: readonly string[]): Promise<ReadonlyMap<string, ServiceAccountSummary>> {
      return new Map((await store.serviceAccountsByIds(ids)).map((row) => [row.id, summary(row)]));
    },
  }),
  writeApi: (context) => ({
    /**
     * Creates a service account with roles of its scope. Call it after the delegation check, with the roles locked for use. Throws
     * `serviceaccounts.name_taken` and `common.quota_exceeded`, which the calling operation declares.
     */
    create: async (account: NewServiceAccount): Promise<ServiceAccountSummary> => summary(await makeServiceAccount(context, account)),
    /** Locks a service account against changes until the transaction ends; undefined if there is none. */
    async lockServiceAccount(id: string): Promise<ServiceAccountSummary | undefined> {
      const row = await context.store.lockServiceAccount(id);
      return row && summary(row);
    },
  }),
});
