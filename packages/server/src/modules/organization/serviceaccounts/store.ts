import { type Generated, type Selectable, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { changedKey, newKey } from "#platform/names/stored-keys.ts";
import type { ServiceAccountStatus } from "./model.ts";
import { serviceAccountNames } from "./names.ts";

interface ServiceAccounts {
  readonly id: string;
  readonly organization_id: string | null;
  readonly name: string;
  readonly description: string | null;
  readonly status: ServiceAccountStatus;
  readonly name_key: string | null;
  readonly name_key_holder: Generated<string | null>;
  readonly created_by: string | null;
  readonly version: Generated<number>;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface Tables {
  readonly service_accounts: ServiceAccounts;
}

export type ServiceAccountRow = Selectable<ServiceAccounts>;

interface PageOf {
  readonly after: string | undefined;
  readonly limit: number;
}

const reads = (db: ReadHandle<Tables>) => ({
  serviceAccountById: (id: string): Promise<ServiceAccountRow | undefined> =>
    db.selectFrom("service_accounts").selectAll().where("id", "=", id).executeTakeFirst(),
  serviceAccountsByIds: (ids: readonly string[]): Promise<ServiceAccountRow[]> =>
    ids.length === 0 ? Promise.resolve([]) : db.selectFrom("service_accounts").selectAll().where("id", "=", anyOf(ids, "uuid")).execute(),
  serviceAccountPage(organizationId: string | null, { after, limit }: PageOf): Promise<ServiceAccountRow[]> {
    let query = db.selectFrom("service_accounts").selectAll().where(ofTenant(organizationId)).orderBy("id").limit(limit);
    if (after !== undefined) query = query.where("id", ">", after);
    return query.execute();
  },
});

const writes = (tx: WriteHandle<Tables>) => ({
  /** The number of service accounts of the organization. Serialized by a lock, for the quota. */
  async serviceAccountsForQuota(organizationId: string): Promise<number> {
    await lockForQuota(tx, "service_accounts", organizationId);
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from service_accounts
      where organization_id = ${organizationId}`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  insertServiceAccount: (row: Omit<ServiceAccounts, "version" | "name_key" | "name_key_holder">): Promise<ServiceAccountRow> =>
    tx
      .insertInto("service_accounts")
      .values({ ...row, ...newKey(serviceAccountNames, row.name) })
      .returningAll()
      .executeTakeFirstOrThrow(),
  lockServiceAccount: (id: string): Promise<ServiceAccountRow | undefined> =>
    tx.selectFrom("service_accounts").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
  updateServiceAccount: (
    id: string,
    change: { readonly name: string; readonly description: string | null; readonly status: ServiceAccountStatus },
    now: Date,
  ): Promise<ServiceAccountRow> =>
    tx
      .updateTable("service_accounts")
      .set({ ...change, ...changedKey(serviceAccountNames, change.name), updated_at: now, version: sql<number>`version + 1` })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  async deleteServiceAccount(id: string): Promise<void> {
    await tx.deleteFrom("service_accounts").where("id", "=", id).execute();
  },
});

export type ServiceAccountReads = ReturnType<typeof reads>;
export const serviceAccountStore: Store<ServiceAccountReads, ReturnType<typeof writes>> = { reads, writes };
