import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const auditSteps: readonly SchemaStep[] = [
  {
    name: "0004_operation_audit_entries",
    why: "the audit entry of a change: who did what, from where, written in the transaction of the change",
    async up(db) {
      await sql`create table audit_entries (
        id uuid primary key,
        operation text not null,
        caller_kind text not null,
        user_id uuid,
        session_id uuid,
        organization_id uuid,
        input jsonb not null,
        ip_address text,
        user_agent text,
        trace_id text not null,
        transaction xid8 not null default pg_current_xact_id(),
        occurred_at timestamptz not null
      )`.execute(db);
      await sql`create index audit_entries_of_an_organization on audit_entries (organization_id, id)`.execute(db);
      await sql`create index audit_entries_of_a_user on audit_entries (user_id, id)`.execute(db);
      await tenantTable(db, "audit_entries", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0075_operation_audit_entries_say_more",
    why: "the entity, its state before and after, the result, and personal data in a column of its own, for the hash chains (decision 0025)",
    async up(db) {
      await sql`alter table audit_entries
        add column sequence bigint generated always as identity,
        add column result text not null default 'success' check (result in ('success', 'refused', 'failed')),
        add column reason text,
        add column entity_type text,
        add column entity_id text,
        add column before jsonb,
        add column after jsonb,
        add column personal jsonb,
        add column request_id text,
        add column stands_for integer not null default 1,
        add column with_change boolean not null default true`.execute(db);
      await sql`create index audit_entries_in_commit_order on audit_entries (transaction, sequence)`.execute(db);
    },
  },
  {
    name: "0144_operation_audit_entries_by_age",
    why: "chained entries are deleted by their age, every hour",
    async up(db) {
      await sql`create index audit_entries_by_age on audit_entries (occurred_at)`.execute(db);
    },
  },
  {
    name: "0230_operation_audit_entries_describe_themselves",
    why: "an entry has its action and its principal, so that chaining it needs no list of operations (decision 0049)",
    async up(db) {
      // Nullable: during a rolling update an older release writes entries without these, and an entry is never updated.
      await sql`alter table audit_entries
        add column action text,
        add column category text,
        add column severity text,
        add column principal_kind text,
        add column principal_id text,
        add column credential_kind text,
        add column credential_id text,
        add column actor_kind text,
        add column actor_id text`.execute(db);
    },
  },
];
