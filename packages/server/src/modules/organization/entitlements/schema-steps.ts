import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0035_entitlements_subscriptions",
    why: "what billing says of each organization's plan; decisions read a projection of it",
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
  {
    name: "0110_entitlements_marks_not_ahead",
    why: "a mark in the future would pass over all that billing says until then; such times are refused from now on",
    async up(db) {
      await sql`update billing_marks set occurred_at = now() where occurred_at > now()`.execute(db);
    },
  },
  {
    name: "0111_entitlements_deletion_requests",
    why: "organizations that billing wants deleted, until the delay is over and billing has said so once more",
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
