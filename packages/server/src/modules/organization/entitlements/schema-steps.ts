import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0035_entitlements_subscriptions",
    why: "each organization's plan in billing; decisions read a projection of it",
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
    why: "the time of the newest event of billing for an organization, so that older events change nothing",
    async up(db) {
      await sql`create table billing_marks (
        organization_id uuid primary key references organizations (id) on delete cascade,
        occurred_at timestamptz not null
      )`.execute(db);
      await tenantTable(db, "billing_marks", { tenant: "organization_id" });
    },
  },
  {
    name: "0110_entitlements_marks_not_ahead",
    why: "a watermark in the future would make all events until then stale; such times are refused from now on",
    async up(db) {
      await sql`update billing_marks set occurred_at = now() where occurred_at > now()`.execute(db);
    },
  },
  {
    name: "0111_entitlements_deletion_requests",
    why: "billing's requests to delete organizations, until the delay has expired and billing has confirmed them",
    async up(db) {
      await sql`create table deletion_requests (
        organization_id uuid primary key references organizations (id) on delete cascade,
        message_id text not null,
        requested_at timestamptz not null default now(),
        due_at timestamptz not null
      )`.execute(db);
      await sql`create index deletion_requests_by_due on deletion_requests (due_at)`.execute(db);
      await tenantTable(db, "deletion_requests", { tenant: "organization_id" });
    },
  },
];
