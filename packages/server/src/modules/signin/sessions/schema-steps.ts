import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0040_sessions_sessions",
    why: "the sessions of users; of the token only the hash is stored (decision 0004)",
    async up(db) {
      await sql`create table sessions (
        id uuid primary key,
        user_id uuid not null references users (id) on delete cascade,
        organization_id uuid references organizations (id) on delete cascade,
        token varchar(255) not null,
        user_epoch integer not null,
        ip_address text,
        user_agent text,
        expires_at timestamptz not null,
        created_at timestamptz not null,
        last_active_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_sessions_token on sessions (token)`.execute(db);
      await sql`create index idx_sessions_user on sessions (user_id, id)`.execute(db);
      await sql`create index idx_sessions_expires_at on sessions (expires_at)`.execute(db);
      await tenantTable(db, "sessions", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0134_sessions_references_have_an_index",
    why: "the erasure of an organization looks up its sessions",
    async up(db) {
      await sql`create index idx_sessions_organization on sessions (organization_id)`.execute(db);
    },
  },
  {
    name: "0213_sessions_by_their_start",
    why: "the sessions of all users are ended in batches by their start",
    async up(db) {
      await sql`create index idx_sessions_created_at on sessions (created_at)`.execute(db);
    },
  },
  {
    name: "0225_sessions_how_and_when_authenticated",
    why: "a session has its authentication methods and time, for further methods than passwords",
    async up(db) {
      // Every session so far started with a password, at its creation.
      await sql`alter table sessions
        add column authentication_methods text[] not null default '{pwd}',
        add column authenticated_at timestamptz`.execute(db);
      await sql`update sessions set authenticated_at = created_at`.execute(db);
      await sql`alter table sessions
        alter column authentication_methods drop default,
        alter column authenticated_at set not null`.execute(db);
    },
  },
  {
    name: "0260_sessions_renewable",
    why: "a session with a refresh token does not expire by disuse before it, and tokens state who authenticated the user (decision 0055)",
    async up(db) {
      await sql`alter table sessions
        add column renewable boolean not null default false,
        add column auth_provider text not null default 'local'`.execute(db);
    },
  },
];
