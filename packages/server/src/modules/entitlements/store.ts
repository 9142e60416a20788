import { sql } from "kysely";
import type { Store } from "../../operation/module.ts";
import type { ReadHandle, WriteHandle } from "../../platform/database/database.ts";
import type { Subscription } from "./model.ts";

export interface SubscriptionRow {
  readonly plan: string | null;
  readonly entitlements: NonNullable<Subscription["entitlements"]>;
  readonly version: number;
  readonly updated_at: Date;
}

const reads = (db: ReadHandle) => ({
  async subscription(organizationId: string): Promise<SubscriptionRow | undefined> {
    const { rows } = await sql<SubscriptionRow>`
      select plan, entitlements, version, updated_at from subscriptions where organization_id = ${organizationId}`.execute(db as never);
    return rows[0];
  },
});

const writes = (tx: WriteHandle) => ({
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
