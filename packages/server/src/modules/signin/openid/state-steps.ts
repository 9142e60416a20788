import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";

export const stateSteps: readonly SchemaStep[] = [
  {
    name: "0280_openid_state",
    why: "codes, tokens, grants and sessions of the OpenID Provider, found by the hash of their id; they end with the session of their user",
    async up(db) {
      await sql`create table openid_state (
        kind text not null,
        id_hash text not null,
        payload text not null,
        grant_hash text,
        parent_hash text,
        user_code_hash text,
        session_id uuid references sessions (id) on delete cascade,
        expires_at timestamptz not null,
        consumed_at timestamptz,
        uses integer not null default 0,
        is_superseded boolean not null default false,
        primary key (kind, id_hash)
      )`.execute(db);
      await sql`create index idx_openid_state_grant on openid_state (grant_hash) where grant_hash is not null`.execute(db);
      await sql`create index idx_openid_state_session on openid_state (session_id)`.execute(db);
      await sql`create unique index idx_openid_state_user_code on openid_state (user_code_hash) where user_code_hash is not null`.execute(
        db,
      );
      await sql`create index idx_openid_state_expires_at on openid_state (expires_at)`.execute(db);
      await sharedTable(db, "openid_state");
    },
  },
  {
    name: "0281_openid_session_clients",
    why: "the clients of a session, which are told when it ends; a row outlives its session until then, so it does not refer to it",
    async up(db) {
      await sql`create table openid_session_clients (
        session_id uuid not null,
        client_id uuid not null references oauth_clients (id) on delete cascade,
        user_id uuid not null,
        created_at timestamptz not null,
        primary key (session_id, client_id)
      )`.execute(db);
      await sql`create index idx_openid_session_clients_user on openid_session_clients (user_id)`.execute(db);
      await sql`create index idx_openid_session_clients_client on openid_session_clients (client_id)`.execute(db);
      await sql`create index idx_openid_session_clients_created_at on openid_session_clients (created_at)`.execute(db);
      await sharedTable(db, "openid_session_clients");
    },
  },
];
