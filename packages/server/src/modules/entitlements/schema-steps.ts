import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "../../platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0035_entitlements_subscriptions",
    why: "what billing says of each organization's plan (S3 §26.1); decisions read a projection of it",
    async up(db) {
      await sql`create table subscriptions (
        organization_id uuid primary key references organizations (id) on delete cascade,
        plan varchar(100),
        entitlements jsonb not null,
        version integer not null default 1,
        updated_at timestamptz not null
      )`.execute(db);
      await tenantTable(db, "subscriptions", { tenant: "organization_id" });
    },
  },
  {
    name: "0070_entitlements_billing_marks",
    why: "when the newest thing happened that billing has said of an organization, so that older news changes nothing",
    async up(db) {
      await sql`create table billing_marks (
        organization_id uuid primary key references organizations (id) on delete cascade,
        occurred_at timestamptz not null
      )`.execute(db);
      await tenantTable(db, "billing_marks", { tenant: "organization_id" });
    },
  },
];
