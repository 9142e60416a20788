import { sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import { receive } from "#platform/broker/inbox.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { billingConsumer } from "./billing/name.ts";
import type { Subscription } from "./model.ts";

export interface SubscriptionRow {
  readonly plan: string | null;
  readonly entitlements: NonNullable<Subscription["entitlements"]>;
  readonly version: number;
  readonly updated_at: Date;
}

/** Synchronized clocks differ by less. A time further ahead would make all events until then stale. */
const aheadMinutesMax = 5;

const reads = (db: ReadHandle) => ({
  async subscription(organizationId: string): Promise<SubscriptionRow | undefined> {
    const rows = await rowsOf(
      db,
      sql<SubscriptionRow>`
      select plan, entitlements, version, updated_at from subscriptions where organization_id = ${organizationId}`,
    );
    return rows[0];
  },
  async subscriptions(organizationIds: readonly string[]): Promise<ReadonlyMap<string, SubscriptionRow>> {
    const rows = await rowsOf(
      db,
      sql<SubscriptionRow & { readonly organization_id: string }>`
      select organization_id, plan, entitlements, version, updated_at from subscriptions
      where organization_id = any(${[...organizationIds]}::uuid[])`,
    );
    return new Map(rows.map((row) => [row.organization_id, row]));
  },
  /** Compares with the database's clock: that of a process may be wrong. */
  async isAhead(occurredAt: Date): Promise<boolean> {
    const rows = await rowsOf(
      db,
      sql<{ ahead: boolean }>`
      select ${occurredAt}::timestamptz > now() + make_interval(mins => ${aheadMinutesMax}) as ahead`,
    );
    return rows[0]?.ahead ?? true;
  },
  /** Organizations whose deletion is due, longest due first. */
  async dueDeletions(limit: number): Promise<string[]> {
    const rows = await rowsOf(
      db,
      sql<{ organization_id: string }>`
    select organization_id from deletion_requests where due_at <= now() order by due_at, organization_id limit ${limit}`,
    );
    return rows.map((row) => row.organization_id);
  },
  async countDeletions(): Promise<number> {
    const rows = await rowsOf(db, sql<{ count: string }>`select count(*) as count from deletion_requests`);
    return Number(rows[0]?.count);
  },
});

const writes = (tx: WriteHandle) => ({
  /** Records a message of billing in the inbox; false where it was handled before. */
  receive: (messageId: string, now: Date): Promise<boolean> => receive(tx, billingConsumer.name, messageId, now),
  /** Advances the watermark of an organization's events; false where it is newer already. */
  async advanceBilling(organizationId: string, occurredAt: Date): Promise<boolean> {
    const { numAffectedRows } = await sql`
      insert into billing_marks (organization_id, occurred_at) values (${organizationId}, ${occurredAt})
      on conflict (organization_id) do update set occurred_at = excluded.occurred_at
      where billing_marks.occurred_at <= excluded.occurred_at`.execute(tx);
    return numAffectedRows === 1n;
  },
  /** Records a request to delete an organization; an existing one does not change. */
  async requestDeletion(organizationId: string, messageId: string, delayHours: number): Promise<void> {
    await sql`insert into deletion_requests (organization_id, message_id, due_at)
      values (${organizationId}, ${messageId}, now() + make_interval(hours => ${delayHours})) on conflict do nothing`.execute(tx);
  },
  async withdrawDeletion(organizationId: string): Promise<boolean> {
    const { numAffectedRows } = await sql`delete from deletion_requests where organization_id = ${organizationId}`.execute(tx);
    return numAffectedRows === 1n;
  },
  async setSubscription(organizationId: string, plan: string | null, entitlements: object, now: Date): Promise<SubscriptionRow> {
    const { rows } = await sql<SubscriptionRow>`
      insert into subscriptions (organization_id, plan, entitlements, updated_at)
      values (${organizationId}, ${plan}, ${JSON.stringify(entitlements)}::jsonb, ${now})
      on conflict (organization_id) do update set plan = excluded.plan, entitlements = excluded.entitlements,
        updated_at = excluded.updated_at, version = subscriptions.version + 1
      returning plan, entitlements, version, updated_at`.execute(tx);
    return rows[0] as SubscriptionRow;
  },
});

export const entitlementsStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };

export const toSubscription = (organizationId: string, row: SubscriptionRow | undefined): Subscription => ({
  organizationId,
  plan: row?.plan ?? null,
  entitlements: row?.entitlements ?? null,
  updatedAt: row?.updated_at.toISOString() ?? null,
  version: row?.version ?? 0,
});
