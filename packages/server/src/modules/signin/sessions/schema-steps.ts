import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0040_sessions_sessions",
    why: "who is signed in; the token is kept as its hash (decision 0004)",
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
    why: "an erased organization is looked for among the sessions of all",
    async up(db) {
      await sql`create index idx_sessions_organization on sessions (organization_id)`.execute(db);
    },
  },
  {
    name: "0213_sessions_by_their_start",
    why: "sessions of everybody are ended in batches by when they started",
    async up(db) {
      await sql`create index idx_sessions_created_at on sessions (created_at)`.execute(db);
    },
  },
  {
    name: "0225_sessions_how_and_when_authenticated",
    why: "how the user of a session was proven, and when, is of the session: passwords are not the only method for long",
    async up(db) {
      // Every session up to here began with a password, at its start.
      await sql`alter table sessions
        add column authentication_methods text[] not null default '{pwd}',
        add column authenticated_at timestamptz`.execute(db);
      await sql`update sessions set authenticated_at = created_at`.execute(db);
      await sql`alter table sessions
        alter column authentication_methods drop default,
        alter column authenticated_at set not null`.execute(db);
    },
  },
];
