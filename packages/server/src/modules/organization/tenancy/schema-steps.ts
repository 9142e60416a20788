import { sql } from "kysely";
import { type SchemaStep, sharedTable, tenantTable } from "#platform/database/migrations.ts";
import { addKeyColumn } from "#platform/names/stored-keys.ts";
import { organizationNames, organizationSlugs } from "./names.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0020_tenancy_organizations",
    why: "the tenants; every organization_id references them",
    async up(db) {
      await sql`create table organizations (
        id uuid primary key,
        name varchar(255) not null,
        slug varchar(255) not null,
        status varchar(50) not null default 'Active' check (status in ('Active', 'Suspended')),
        country varchar(10) not null,
        logo_asset_id uuid,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_organizations_name on organizations (name)`.execute(db);
      await sql`create unique index idx_organizations_slug on organizations (slug)`.execute(db);
      await tenantTable(db, "organizations", { tenant: "id" });
    },
  },
  {
    name: "0030_tenancy_memberships",
    why: "the members of organizations; a member's roles are in role_assignments, role_id is the first of them",
    async up(db) {
      await sql`create table memberships (
        id uuid primary key,
        user_id uuid not null references users (id) on delete cascade,
        organization_id uuid references organizations (id) on delete cascade,
        role_id uuid not null references roles (id) on delete restrict,
        version integer not null default 1,
        joined_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_memberships_user_org on memberships (user_id, organization_id) nulls not distinct`.execute(db);
      await sql`create index idx_memberships_org on memberships (organization_id, id)`.execute(db);
      await sql`create index idx_memberships_role on memberships (role_id)`.execute(db);
      await tenantTable(db, "memberships", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0031_tenancy_invitations",
    why: "invitations of e-mail addresses",
    async up(db) {
      await sql`create table invitations (
        id uuid primary key,
        organization_id uuid not null references organizations (id) on delete cascade,
        invitee_email varchar(255) not null,
        inviter_user_id uuid references users (id) on delete set null,
        role_id uuid references roles (id) on delete set null,
        status varchar(50) not null default 'Pending' check (status in ('Pending', 'Accepted', 'Revoked', 'Expired')),
        token varchar(255) not null unique,
        expires_at timestamptz not null,
        created_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_invitations_email on invitations (lower(invitee_email))`.execute(db);
      await sql`create index idx_invitations_org_status on invitations (organization_id, status)`.execute(db);
      await sql`create unique index idx_invitations_open on invitations (organization_id, lower(invitee_email)) where status = 'Pending'`.execute(
        db,
      );
      await tenantTable(db, "invitations", { tenant: "organization_id" });
      await sql`create table invitation_roles (
        invitation_id uuid not null references invitations (id) on delete cascade,
        role_id uuid not null references roles (id) on delete restrict,
        organization_id uuid not null,
        primary key (invitation_id, role_id)
      )`.execute(db);
      await sql`create index idx_invitation_roles_role on invitation_roles (role_id)`.execute(db);
      await tenantTable(db, "invitation_roles", { tenant: "organization_id" });
    },
  },
  {
    name: "0069_tenancy_erased_organizations",
    why: "ids of erased organizations, so that a late message for one is not a failure",
    async up(db) {
      await sql`create table erased_organizations (id uuid primary key, erased_at timestamptz not null)`.execute(db);
      await sharedTable(db, "erased_organizations");
    },
  },
  {
    name: "0131_tenancy_erasures",
    why: "the progress of erasures, which take many transactions; earlier ones are finished",
    async up(db) {
      await sql`alter table erased_organizations
        add column finished_at timestamptz,
        add column members_total integer not null default 0,
        add column members_removed integer not null default 0,
        add column moved_at timestamptz`.execute(db);
      await sql`update erased_organizations set finished_at = erased_at`.execute(db);
      await sql`create index idx_erased_organizations_unfinished on erased_organizations (erased_at, id) where finished_at is null`.execute(
        db,
      );
    },
  },
  {
    name: "0132_tenancy_references_have_an_index",
    why: "indexes for the deletion of referenced roles and users, and for expiry; without them each is a scan",
    async up(db) {
      await sql`create index idx_invitations_role on invitations (role_id)`.execute(db);
      await sql`create index idx_invitations_pending on invitations (expires_at) where status = 'Pending'`.execute(db);
      await sql`create index idx_invitations_inviter on invitations (inviter_user_id)`.execute(db);
      await sql`create index idx_invitation_roles_organization on invitation_roles (organization_id)`.execute(db);
    },
  },
  {
    name: "0032_tenancy_set_up",
    why: "the one-time link that creates the first administrator; one row while it is open",
    async up(db) {
      await sql`create table set_up (
        only_row boolean primary key default true check (only_row),
        token varchar(255) not null
      )`.execute(db);
      await sharedTable(db, "set_up");
    },
  },
  {
    name: "0195_tenancy_organization_name_keys",
    why: "organization names and slugs that look alike are not unique (decision 0039)",
    async up(db) {
      await addKeyColumn(db, organizationNames);
      await addKeyColumn(db, organizationSlugs);
    },
  },
  {
    name: "0143_tenancy_internal_memberships",
    why: "pages of internal members: an index over all tenants cannot use NULL as a constant, so each page sorted all of them",
    async up(db) {
      await sql`create index idx_memberships_internal on memberships (id) where organization_id is null`.execute(db);
    },
  },
  {
    name: "0190_tenancy_organization_makers",
    why: "the creator of an organization, for the quota of an account; unknown for older ones",
    async up(db) {
      await sql`alter table organizations add column made_by uuid references users (id) on delete set null`.execute(db);
      await sql`create index idx_organizations_made_by on organizations (made_by)`.execute(db);
    },
  },
  {
    name: "0224_tenancy_set_up_is_a_one_time_token",
    why: "the set-up link is a one-time token (0221): the old table with its hash is dropped",
    breaking: true,
    async up(db) {
      await sql`drop table set_up`.execute(db);
    },
  },
];
