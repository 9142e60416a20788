import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0250_apikeys_api_keys",
    why: "credentials of scripts and services; a key is found by its public part and stored as a hash (decision 0004)",
    async up(db) {
      await sql`create table api_keys (
        id uuid primary key,
        organization_id uuid references organizations (id) on delete cascade,
        owner_kind text not null check (owner_kind in ('user', 'service')),
        owner_id uuid not null,
        name varchar(255) not null,
        prefix text not null,
        secret_hash text not null,
        scopes text[] not null check (cardinality(scopes) > 0),
        allowed_networks text[],
        rate_limit jsonb,
        operation_rate_limits jsonb,
        family_id uuid not null,
        successor_id uuid,
        expires_at timestamptz,
        created_by_kind text,
        created_by_id uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        last_used_at timestamptz,
        revoked_at timestamptz,
        revoked_reason text,
        version integer not null default 1
      )`.execute(db);
      await sql`create unique index idx_api_keys_prefix on api_keys (prefix)`.execute(db);
      await sql`create index idx_api_keys_organization on api_keys (organization_id, id)`.execute(db);
      await sql`create index idx_api_keys_internal on api_keys (id) where organization_id is null`.execute(db);
      await sql`create index idx_api_keys_owner on api_keys (owner_id, id)`.execute(db);
      await sql`create index idx_api_keys_revoked on api_keys (revoked_at) where revoked_at is not null`.execute(db);
      await sql`create index idx_api_keys_expired on api_keys (expires_at) where expires_at is not null`.execute(db);
      await tenantTable(db, "api_keys", { tenant: "organization_id", owner: "owner_id" });
    },
  },
  {
    name: "0251_apikeys_api_key_usage",
    why: "calls of a key by operation, status and latency; one row per day, so that the table grows with keys and not with calls",
    async up(db) {
      await sql`create table api_key_usage (
        api_key_id uuid not null references api_keys (id) on delete cascade,
        organization_id uuid,
        day date not null,
        operation text not null,
        status smallint not null,
        calls bigint not null,
        latency_ms_sum bigint not null,
        latency_ms_max integer not null,
        up_to_5_ms bigint not null,
        up_to_25_ms bigint not null,
        up_to_100_ms bigint not null,
        up_to_500_ms bigint not null,
        up_to_2500_ms bigint not null,
        primary key (api_key_id, day, operation, status)
      )`.execute(db);
      await sql`create index idx_api_key_usage_day on api_key_usage (day)`.execute(db);
      await tenantTable(db, "api_key_usage", { tenant: "organization_id" });
    },
  },
];
