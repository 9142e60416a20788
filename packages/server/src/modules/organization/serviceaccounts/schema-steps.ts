import { sql } from "kysely";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";
import { addKeyColumn } from "#platform/names/stored-keys.ts";
import { serviceAccountNames } from "./names.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0241_serviceaccounts_service_accounts",
    why: "programs with an identity of their own; their roles are in role_assignments, and a row without organization is of the internal scope",
    async up(db) {
      await sql`create table service_accounts (
        id uuid primary key,
        organization_id uuid references organizations (id) on delete cascade,
        name varchar(255) not null,
        description text,
        status varchar(50) not null default 'Active' check (status in ('Active', 'Suspended')),
        created_by uuid,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`.execute(db);
      await sql`create unique index idx_service_accounts_name on service_accounts (name, organization_id) nulls not distinct`.execute(db);
      await sql`create index idx_service_accounts_organization on service_accounts (organization_id, id)`.execute(db);
      // An index over all tenants does not order rows with NULL, so each page of the internal scope would sort all of them.
      await sql`create index idx_service_accounts_internal on service_accounts (id) where organization_id is null`.execute(db);
      await tenantTable(db, "service_accounts", { tenant: "organization_id" });
      await addKeyColumn(db, serviceAccountNames);
    },
  },
];
