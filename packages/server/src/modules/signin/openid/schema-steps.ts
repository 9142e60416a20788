import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0270_openid_oauth_clients",
    why: "applications that get tokens; a row without organization is a global client, which the users of every organization may use",
    async up(db) {
      await sql`create table oauth_clients (
        id uuid primary key,
        organization_id uuid references organizations (id) on delete cascade,
        kind text not null check (kind in ('public', 'confidential', 'service')),
        name varchar(255) not null,
        description text,
        logo_uri text,
        policy_uri text,
        tos_uri text,
        redirect_uris text[] not null,
        post_logout_redirect_uris text[] not null,
        backchannel_logout_uri text,
        device_flow boolean not null,
        token_endpoint_auth_method text not null,
        jwks jsonb,
        jwks_uri text,
        first_party boolean not null,
        scopes text[] not null check (cardinality(scopes) > 0),
        service_account_id uuid references service_accounts (id) on delete cascade,
        dpop_bound boolean not null,
        status text not null default 'Active' check (status in ('Active', 'Suspended')),
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        check ((kind = 'public') = (token_endpoint_auth_method = 'none')),
        check ((kind = 'service') = (service_account_id is not null)),
        check (not first_party or organization_id is null)
      )`.execute(db);
      await sql`create index idx_oauth_clients_organization on oauth_clients (organization_id, id)`.execute(db);
      await sql`create index idx_oauth_clients_global on oauth_clients (id) where organization_id is null`.execute(db);
      await sql`create index idx_oauth_clients_service_account on oauth_clients (service_account_id)`.execute(db);
      await tenantTable(db, "oauth_clients", { tenant: "organization_id" });
    },
  },
  {
    name: "0271_openid_oauth_client_secrets",
    why: "a client has several secrets while it rotates; each is stored as a hash (decision 0004)",
    async up(db) {
      await sql`create table oauth_client_secrets (
        id uuid primary key,
        client_id uuid not null references oauth_clients (id) on delete cascade,
        organization_id uuid references organizations (id) on delete cascade,
        prefix text not null,
        secret_hash text not null,
        expires_at timestamptz,
        created_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_oauth_client_secrets_client on oauth_client_secrets (client_id, id)`.execute(db);
      await sql`create index idx_oauth_client_secrets_organization on oauth_client_secrets (organization_id)`.execute(db);
      await tenantTable(db, "oauth_client_secrets", { tenant: "organization_id" });
    },
  },
  {
    name: "0282_openid_self_registered",
    why: "clients that applications have registered by themselves are counted, and deleted after a while",
    async up(db) {
      await sql`alter table oauth_clients add column self_registered boolean not null default false`.execute(db);
      await sql`create index idx_oauth_clients_self_registered on oauth_clients (created_at) where self_registered`.execute(db);
    },
  },
];
