import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";

/** The prefix of a hash with algorithm and parameters (passwords/decoys.ts). The index and its query need the same expression. */
export const hashKind = sql.raw(
  "(substring(secret from '^([$](?:2[abxy][$][0-9][0-9]|argon2[id]*[$]v=[0-9]+[$]m=[0-9]+,t=[0-9]+,p=[0-9]+)[$])'))",
);

/**
 * Makes a table without tenants whose rows are visible only outside of every tenant. A statement in the scope of an organization, or of the
 * internal scope, reads no secret, whatever its predicate.
 */
async function secretTable(db: Kysely<AnyTables>, table: string): Promise<void> {
  const on = sql.table(table);
  await sql`alter table ${on} enable row level security`.execute(db);
  await sql`alter table ${on} force row level security`.execute(db);
  await sql`create policy outside_tenants on ${on} using ((select current_setting('app.tenant', true)) in ('*', 'none'))`.execute(db);
  await sharedTable(db, table);
}

export const steps: readonly SchemaStep[] = [
  {
    name: "0050_authentication_known_addresses",
    why: "the networks of each user's earlier sign-ins: a lock-out caused by attackers does not apply to them",
    async up(db) {
      await sql`create table known_addresses (
        user_id uuid not null references users (id) on delete cascade,
        address text not null,
        last_sign_in_at timestamptz not null,
        primary key (user_id, address)
      )`.execute(db);
      await sharedTable(db, "known_addresses");
    },
  },
  {
    name: "0220_authentication_credentials",
    why: "the credentials of users, one row each: a user may have none, or several of different kinds (decision 0046)",
    async up(db) {
      await sql`create table credentials (
        id uuid primary key,
        user_id uuid not null references users (id) on delete cascade,
        kind text not null,
        issuer text,
        identifier text,
        secret text,
        created_at timestamptz not null,
        last_used_at timestamptz
      )`.execute(db);
      await sql`create unique index idx_credentials_password on credentials (user_id) where kind = 'password'`.execute(db);
      await sql`create unique index idx_credentials_identifier on credentials (kind, coalesce(issuer, ''), identifier)
        where identifier is not null`.execute(db);
      await sql`create index idx_credentials_user on credentials (user_id, kind)`.execute(db);
      await sql`create index idx_credentials_hash_kind on credentials (${hashKind}) where kind = 'password'`.execute(db);
      // `!` was the hash of an account without a password.
      await sql`insert into credentials (id, user_id, kind, secret, created_at)
        select gen_random_uuid(), id, 'password', password_hash, created_at from users where password_hash <> '!'`.execute(db);
      await secretTable(db, "credentials");
    },
  },
  {
    name: "0221_authentication_one_time_tokens",
    why: "the single-use tokens of mails and of the set-up link in one table (decision 0046)",
    async up(db) {
      await sql`create table one_time_tokens (
        hash text primary key,
        purpose text not null check (purpose <> ''),
        user_id uuid references users (id) on delete cascade,
        data jsonb,
        created_at timestamptz not null,
        expires_at timestamptz,
        used_at timestamptz
      )`.execute(db);
      await sql`create index idx_one_time_tokens_user on one_time_tokens (user_id, purpose)`.execute(db);
      await sql`create index idx_one_time_tokens_used on one_time_tokens (used_at) where used_at is not null`.execute(db);
      await sql`create unique index idx_one_time_tokens_set_up on one_time_tokens (purpose)
        where purpose = 'set-up' and used_at is null`.execute(db);
      await sql`insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
        select email_verification_token, 'verify-email', id, created_at, email_verification_token_expires_at
        from users where email_verification_token is not null`.execute(db);
      await sql`insert into one_time_tokens (hash, purpose, user_id, data, created_at, expires_at)
        select r.email_verification_token, 'verify-email', r.user_id,
          jsonb_build_object('passwordHash', r.password_hash, 'firstName', r.first_name, 'lastName', r.last_name, 'locale', r.locale),
          u.created_at, r.email_verification_token_expires_at
        from earlier_registrations r join users u on u.id = r.user_id`.execute(db);
      await sql`insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
        select token, 'reset-password', user_id, now(), expires_at from password_reset_links`.execute(db);
      // A link that was mailed before 0211 is only in its user's row.
      await sql`insert into one_time_tokens (hash, purpose, user_id, created_at, expires_at)
        select password_reset_token, 'reset-password', id, now(), password_reset_token_expires_at
        from users where password_reset_token is not null on conflict (hash) do nothing`.execute(db);
      await sql`insert into one_time_tokens (hash, purpose, created_at) select token, 'set-up', now() from set_up`.execute(db);
      await secretTable(db, "one_time_tokens");
    },
  },
];
