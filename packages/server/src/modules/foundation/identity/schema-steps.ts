import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";

/** The expression of an index that an older release queried by. Step 0223 drops its column. */
const formerHashKind = sql.raw(
  "(substring(password_hash from '^([$](?:2[abxy][$][0-9][0-9]|argon2[id]*[$]v=[0-9]+[$]m=[0-9]+,t=[0-9]+,p=[0-9]+)[$])'))",
);

export const steps: readonly SchemaStep[] = [
  {
    name: "0010_identity_users",
    why: "users and their passwords; a user belongs to no tenant and may be a member of many",
    async up(db) {
      await sql`create table users (
        id uuid primary key,
        email varchar(255) not null,
        password_hash varchar(255) not null,
        status varchar(50) not null default 'PendingConfirmation' check (status in ('PendingConfirmation', 'Active', 'Suspended')),
        first_name varchar(255) not null,
        last_name varchar(255) not null,
        locale varchar(10) not null,
        password_reset_token varchar(255) unique,
        password_reset_token_expires_at timestamptz,
        email_verification_token varchar(255) unique,
        email_verification_token_expires_at timestamptz,
        session_epoch integer not null default 1,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_users_email on users (lower(email))`.execute(db);
      await sharedTable(db, "users");
    },
  },
  {
    name: "0011_identity_earlier_registrations",
    why: "a second registration of an unconfirmed address must not change which password the first one's link confirms",
    async up(db) {
      await sql`create table earlier_registrations (
        email_verification_token varchar(255) primary key,
        email_verification_token_expires_at timestamptz not null,
        user_id uuid not null references users (id) on delete cascade,
        password_hash varchar(255) not null,
        first_name varchar(255) not null,
        last_name varchar(255) not null,
        locale varchar(10) not null
      )`.execute(db);
      await sql`create index earlier_registrations_of_a_user on earlier_registrations (user_id)`.execute(db);
      await sharedTable(db, "earlier_registrations");
    },
  },
  {
    name: "0210_identity_hash_kinds",
    why: "a wrong password takes the time of every kind of stored hash, so the kinds are found without reading every user",
    async up(db) {
      await sql`create index idx_users_hash_kind on users (${formerHashKind})`.execute(db);
    },
  },
  {
    name: "0211_identity_password_reset_links",
    why: "a later request must not invalidate an earlier link; users.password_reset_token has the newest one for the previous release",
    async up(db) {
      await sql`create table password_reset_links (
        token varchar(255) primary key,
        user_id uuid not null references users (id) on delete cascade,
        expires_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_password_reset_links_user on password_reset_links (user_id, expires_at)`.execute(db);
      await sharedTable(db, "password_reset_links");
    },
  },
  {
    name: "0212_identity_undeliverable_addresses",
    why: "the user shows that a mail server permanently refuses the address",
    async up(db) {
      await sql`alter table users add column email_undeliverable_at timestamptz`.execute(db);
    },
  },
  {
    name: "0222_identity_verified_addresses",
    why: "whether an address is verified is a column of the user, and no longer inferred from an absent token",
    async up(db) {
      await sql`alter table users add column email_verified_at timestamptz`.execute(db);
      // The time of the verification was not recorded, so the time of the registration is used.
      await sql`update users set email_verified_at = created_at where email_verification_token is null`.execute(db);
    },
  },
  {
    name: "0223_identity_users_hold_no_secrets",
    why: "passwords and links are in credentials and one_time_tokens (0220, 0221), so users must have no secret",
    breaking: true,
    async up(db) {
      await sql`alter table users
        drop column password_hash,
        drop column password_reset_token,
        drop column password_reset_token_expires_at,
        drop column email_verification_token,
        drop column email_verification_token_expires_at`.execute(db);
      await sql`drop table earlier_registrations`.execute(db);
      await sql`drop table password_reset_links`.execute(db);
    },
  },
];
