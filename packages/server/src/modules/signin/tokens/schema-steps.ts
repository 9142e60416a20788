import { sql } from "kysely";
import { type SchemaStep, sharedTable, tenantTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0261_tokens_signing_keys",
    why: "the keys of access tokens; private keys are encrypted with the master key (decision 0055)",
    async up(db) {
      await sql`create table signing_keys (
        id uuid primary key,
        algorithm text not null,
        public_key text not null,
        encrypted_private_key text not null,
        stage text not null check (stage in ('next', 'current', 'previous')),
        published_at timestamptz not null,
        activated_at timestamptz,
        expires_at timestamptz
      )`.execute(db);
      // At most one key of each of these stages: two processes that start at once cannot both create one.
      await sql`create unique index idx_signing_keys_stage on signing_keys (stage) where stage in ('next', 'current')`.execute(db);
      await sharedTable(db, "signing_keys");
    },
  },
  {
    name: "0262_tokens_refresh_chains",
    why: "the refresh tokens of a session: each use moves on to the next generation, so that a replay of any earlier one is detected",
    async up(db) {
      await sql`create table refresh_chains (
        id text primary key,
        session_id uuid not null references sessions (id) on delete cascade,
        user_id uuid not null references users (id) on delete cascade,
        organization_id uuid,
        encrypted_secret text not null,
        generation integer not null,
        rotated_at timestamptz not null,
        expires_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_refresh_chains_session on refresh_chains (session_id)`.execute(db);
      await sql`create index idx_refresh_chains_user on refresh_chains (user_id)`.execute(db);
      await sql`create index idx_refresh_chains_expires_at on refresh_chains (expires_at)`.execute(db);
      await tenantTable(db, "refresh_chains", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0263_tokens_revoked_tokens",
    why: "access tokens that were revoked before they expired; a row is deleted when its token has expired",
    async up(db) {
      await sql`create table revoked_tokens (
        id uuid primary key,
        revoked_at timestamptz not null,
        expires_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_revoked_tokens_expires_at on revoked_tokens (expires_at)`.execute(db);
      await sharedTable(db, "revoked_tokens");
    },
  },
  {
    name: "0264_tokens_exchanged_tokens",
    why: "tokens by which another principal acts for a user: the user sees and ends them, and they end with the session that they come from",
    async up(db) {
      await sql`create table exchanged_tokens (
        id uuid primary key,
        kind text not null check (kind in ('impersonation', 'delegation')),
        user_id uuid not null references users (id) on delete cascade,
        organization_id uuid references organizations (id) on delete cascade,
        actor_kind text not null check (actor_kind in ('user', 'service')),
        actor_id uuid not null,
        session_id uuid not null references sessions (id) on delete cascade,
        scopes text[] not null,
        reason text,
        created_at timestamptz not null,
        expires_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_exchanged_tokens_user on exchanged_tokens (user_id, id)`.execute(db);
      await sql`create index idx_exchanged_tokens_organization on exchanged_tokens (organization_id)`.execute(db);
      await sql`create index idx_exchanged_tokens_session on exchanged_tokens (session_id)`.execute(db);
      await sql`create index idx_exchanged_tokens_expires_at on exchanged_tokens (expires_at)`.execute(db);
      await tenantTable(db, "exchanged_tokens", { tenant: "organization_id", owner: "user_id" });
    },
  },
];
