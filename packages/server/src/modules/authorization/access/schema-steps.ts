import { sql } from "kysely";
import { type SchemaStep, sharedTable, tenantTable } from "#platform/database/migrations.ts";
import { addKeyColumn } from "#platform/names/stored-keys.ts";
import { permissionValues, roleNames } from "./names.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0196_access_role_name_keys",
    why: "role names that look alike count as equal in their scope (decision 0039)",
    up: (db) => addKeyColumn(db, roleNames),
  },
  {
    name: "0197_access_permission_value_keys",
    why: "permission values that look alike count as equal (decision 0039)",
    up: (db) => addKeyColumn(db, permissionValues),
  },
  {
    name: "0021_access_permission_definitions",
    why: "the permission tree; it is the product's vocabulary and belongs to no tenant",
    async up(db) {
      await sql`create table permission_definitions (
        id uuid primary key,
        value varchar(255) not null unique,
        description text,
        scope varchar(50) not null check (scope in ('Internal', 'Organization')),
        parent_permission_id uuid references permission_definitions (id) on delete restrict,
        is_system_permission boolean not null default false,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`.execute(db);
      await sql`create index idx_permission_definitions_parent on permission_definitions (parent_permission_id)`.execute(db);
      await sharedTable(db, "permission_definitions");
    },
  },
  {
    name: "0022_access_roles",
    why: "roles, their permissions and their assignments; a row without an organization belongs to the internal scope",
    async up(db) {
      await sql`create table roles (
        id uuid primary key,
        name varchar(255) not null,
        description text,
        scope varchar(50) not null check (scope in ('Internal', 'Organization')),
        organization_id uuid references organizations (id) on delete cascade,
        is_system_role boolean not null default false,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        check ((scope = 'Internal') = (organization_id is null))
      )`.execute(db);
      await sql`create unique index idx_roles_name_organization on roles (name, organization_id) nulls not distinct`.execute(db);
      await sql`create index idx_roles_organization on roles (organization_id, id)`.execute(db);
      await tenantTable(db, "roles", { tenant: "organization_id" });

      await sql`create table role_permissions (
        role_id uuid not null references roles (id) on delete cascade,
        permission_definition_id uuid not null references permission_definitions (id) on delete restrict,
        organization_id uuid,
        primary key (role_id, permission_definition_id)
      )`.execute(db);
      await sql`create index idx_role_permissions_permission on role_permissions (permission_definition_id)`.execute(db);
      await tenantTable(db, "role_permissions", { tenant: "organization_id" });

      await sql`create table role_assignments (
        user_id uuid not null references users (id) on delete cascade,
        organization_id uuid references organizations (id) on delete cascade,
        role_id uuid not null references roles (id) on delete restrict,
        assigned_at timestamptz not null,
        unique nulls not distinct (user_id, organization_id, role_id)
      )`.execute(db);
      await sql`create index idx_role_assignments_role on role_assignments (role_id, user_id)`.execute(db);
      await tenantTable(db, "role_assignments", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0023_access_read_model",
    why: "the projection that decisions are made from, by key",
    async up(db) {
      await sql`create table access_tenants (
        organization_id uuid primary key references organizations (id) on delete cascade,
        status varchar(50) not null
      )`.execute(db);
      await tenantTable(db, "access_tenants", { tenant: "organization_id" });
      await sql`create table access_read_model (
        key text primary key,
        organization_id uuid,
        value jsonb not null,
        version bigint not null
      )`.execute(db);
      await tenantTable(db, "access_read_model", { tenant: "organization_id" });
    },
  },
  {
    name: "0024_access_role_rules",
    why: "a role allows a permission under a condition, or denies it",
    async up(db) {
      await sql`alter table role_permissions
        add column effect varchar(10) not null default 'allow' check (effect in ('allow', 'deny')),
        add column condition jsonb`.execute(db);
    },
  },
  {
    name: "0025_access_models",
    why: "the authorization model: resource types, relations, attributes, requirements; all versions are stored, the newest applies",
    async up(db) {
      await sql`create table authorization_models (
        version integer primary key,
        document jsonb not null,
        created_at timestamptz not null
      )`.execute(db);
      await sharedTable(db, "authorization_models");
    },
  },
  {
    name: "0026_access_attributes",
    why: "attributes of an organization and its members, for conditions: $tenant and $user",
    async up(db) {
      await sql`create table access_attributes (
        organization_id uuid not null references organizations (id) on delete cascade,
        user_id uuid references users (id) on delete cascade,
        attributes jsonb not null,
        version integer not null default 1,
        updated_at timestamptz not null,
        unique nulls not distinct (organization_id, user_id)
      )`.execute(db);
      await tenantTable(db, "access_attributes", { tenant: "organization_id" });
    },
  },
  {
    name: "0027_access_relationships",
    why: "grants on single resources as relationships, found by resource and by subject",
    async up(db) {
      await sql`create table relationships (
        id uuid primary key,
        organization_id uuid references organizations (id) on delete cascade,
        resource_type varchar(63) not null,
        resource_id varchar(255) not null,
        relation varchar(63) not null,
        subject_type varchar(63) not null,
        subject_id varchar(255) not null,
        subject_relation varchar(63) not null default '',
        condition jsonb,
        expires_at timestamptz,
        granted_by uuid,
        granted_at timestamptz not null,
        version integer not null default 1,
        revision bigint not null default pg_current_xact_id()::text::bigint,
        constraint relationships_once unique nulls not distinct
          (organization_id, resource_type, resource_id, relation, subject_type, subject_id, subject_relation)
      )`.execute(db);
      await sql`create index idx_relationships_indirect on relationships (organization_id, resource_type, resource_id, relation)
        where subject_type not in ('user', 'role')`.execute(db);
      await sql`create index idx_relationships_reverse on relationships
        (organization_id, subject_type, subject_id, subject_relation, resource_type, relation, resource_id)`.execute(db);
      await sql`create index idx_relationships_listed on relationships (organization_id, id)`.execute(db);
      await tenantTable(db, "relationships", { tenant: "organization_id" });
    },
  },
  {
    name: "0028_access_entitlements",
    why: "the entitlements of the organization's plan, in addition to its status, for decisions",
    async up(db) {
      await sql`alter table access_tenants add column entitlements jsonb`.execute(db);
    },
  },
  {
    name: "0142_access_internal_relationships",
    why: "grants of the internal scope, page by page: an index over all tenants does not order rows with NULL, so each page sorted all of them",
    async up(db) {
      await sql`create index idx_relationships_internal on relationships (id) where organization_id is null`.execute(db);
    },
  },
  {
    name: "0133_access_references_have_an_index",
    why: "an erasure searches every table that refers to the organization or user; a list of members reads one tenant's rows",
    async up(db) {
      await sql`create index idx_role_assignments_organization on role_assignments (organization_id, user_id)`.execute(db);
      await sql`create index idx_access_attributes_user on access_attributes (user_id)`.execute(db);
    },
  },
  {
    name: "0191_access_attribute_bytes",
    why: "the bytes of an organization's attributes are limited, and their sum is read without reading the values",
    async up(db) {
      await sql`alter table access_attributes add column bytes integer not null default 0`.execute(db);
      await sql`update access_attributes set bytes = octet_length(attributes::text)`.execute(db);
    },
  },
  {
    name: "0200_access_expired_grants",
    why: "expired grants are removed every day, and found without reading all grants",
    async up(db) {
      await sql`create index idx_relationships_expired on relationships (expires_at) where expires_at is not null`.execute(db);
    },
  },
  {
    name: "0201_access_denials_of_a_scope",
    why: "a change of attributes finds the roles of its scope that deny something, without reading those of other tenants",
    async up(db) {
      await sql`create index idx_role_permissions_denials on role_permissions (organization_id, role_id) where effect = 'deny'`.execute(db);
    },
  },
  {
    name: "0240_access_services",
    why: "the status of service accounts, which hold roles as members do, so a holder of roles is not always a user (decision 0053)",
    async up(db) {
      await sql`create table access_services (
        service_id uuid primary key,
        organization_id uuid references organizations (id) on delete cascade,
        status varchar(50) not null
      )`.execute(db);
      await sql`create index idx_access_services_organization on access_services (organization_id, service_id)`.execute(db);
      await tenantTable(db, "access_services", { tenant: "organization_id" });
      await sql`alter table role_assignments drop constraint role_assignments_user_id_fkey`.execute(db);
    },
  },
];
