import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { ifApplicationRole, type SchemaStep, sharedTable, tenantTable } from "#platform/database/migrations.ts";
import { applicationRole } from "#platform/database/scoped.ts";

/** Revokes rights on a table from the application's role. The triggers also bind a login that owns the table. */
const revoke = (db: Kysely<AnyTables>, rights: string, table: string) =>
  ifApplicationRole(db, `revoke ${rights} on ${table} from ${applicationRole}`);

/** Rights that the application's role never has, whenever it was created. The triggers below bind every other login. */
export const withheld: Readonly<Record<string, string>> = {
  audit_records: "update",
  audit_personal: "update",
  audit_entries: "update",
  audit_checkpoints: "update, delete",
};

const addedToOnly = (db: Kysely<AnyTables>, table: string, guard: string) =>
  sql`create trigger added_to_only before update or delete on ${sql.table(table)} for each row execute function ${sql.raw(guard)}()`.execute(
    db,
  );

export const steps: readonly SchemaStep[] = [
  {
    name: "0076_audit_keys",
    why: "what checkpoints are signed with, and the key of each person whose data the audit log has (decision 0025)",
    async up(db) {
      await sql`create table audit_signing_keys (
        id uuid primary key,
        public_key text not null,
        sealed_private_key text not null,
        created_at timestamptz not null
      )`.execute(db);
      await sharedTable(db, "audit_signing_keys");
      await sql`create table audit_person_keys (
        id uuid primary key,
        person text not null,
        sealed_key text,
        created_at timestamptz not null,
        erased_at timestamptz,
        check ((sealed_key is null) = (erased_at is not null))
      )`.execute(db);
      await sql`create unique index audit_person_keys_of_a_person on audit_person_keys (person) where erased_at is null`.execute(db);
      await sql`create index audit_person_keys_erased on audit_person_keys (person) where erased_at is not null`.execute(db);
      await sharedTable(db, "audit_person_keys");
    },
  },
  {
    name: "0077_audit_chains",
    why: "the chained records, their signatures, and how far the entries are appended (decision 0025)",
    async up(db) {
      await sql`create table audit_chains (
        organization_id uuid unique nulls not distinct,
        number bigint not null,
        hash text not null,
        key_id uuid not null,
        signature text not null,
        signed_at timestamptz not null
      )`.execute(db);
      await tenantTable(db, "audit_chains", { tenant: "organization_id" });
      await sql`create table audit_records (
        position bigint generated always as identity primary key,
        organization_id uuid,
        number bigint not null,
        previous_hash text not null,
        hash text not null,
        id uuid not null,
        transaction xid8 not null,
        occurred_at timestamptz not null,
        recorded_at timestamptz not null,
        source text not null,
        operation text not null,
        action text not null,
        category text not null,
        severity text not null,
        result text not null,
        reason text,
        actor_kind text not null,
        actor_id text,
        session_id uuid,
        entity_type text,
        entity_id text,
        trace_id text not null,
        request_id text,
        stands_for integer not null,
        details text not null,
        personal_hashes text[] not null,
        unique nulls not distinct (organization_id, number)
      )`.execute(db);
      await sql`create unique index audit_records_by_id on audit_records (id)`.execute(db);
      await sql`create index audit_records_of_a_chain on audit_records (organization_id, position)`.execute(db);
      await sql`create index audit_records_of_an_actor on audit_records (actor_id, position)`.execute(db);
      await sql`create index audit_records_of_an_entity on audit_records (entity_id, position)`.execute(db);
      await sql`create index audit_records_of_a_trace on audit_records (trace_id)`.execute(db);
      await sql`create index audit_records_by_transaction on audit_records (transaction)`.execute(db);
      await tenantTable(db, "audit_records", { tenant: "organization_id" });
      await sql`create table audit_personal (
        record_id uuid not null,
        part integer not null,
        organization_id uuid,
        number bigint not null,
        key_id uuid not null references audit_person_keys (id),
        sealed text not null,
        primary key (record_id, part)
      )`.execute(db);
      await sql`create index audit_personal_of_a_chain on audit_personal (organization_id, number)`.execute(db);
      await tenantTable(db, "audit_personal", { tenant: "organization_id" });
      await sql`create table audit_checkpoints (
        id uuid primary key,
        organization_id uuid,
        kind text not null check (kind in ('checkpoint', 'truncation')),
        number bigint not null,
        hash text not null,
        key_id uuid not null,
        signature text not null,
        signed_at timestamptz not null
      )`.execute(db);
      await sql`create index audit_checkpoints_of_a_chain on audit_checkpoints (organization_id, kind, number)`.execute(db);
      await tenantTable(db, "audit_checkpoints", { tenant: "organization_id" });
      await sql`create table audit_progress (
        only_row boolean primary key default true check (only_row),
        transaction xid8 not null default '0',
        sequence bigint not null default 0,
        chains bigint not null default 0,
        records bigint not null default 0,
        key_id uuid,
        signature text,
        signed_at timestamptz
      )`.execute(db);
      await sql`insert into audit_progress default values`.execute(db);
      await sharedTable(db, "audit_progress");
    },
  },
  {
    name: "0078_audit_added_to_only",
    why: "a record is never changed, and deleted only below a signed truncation; an entry is deleted only once it is in its chain",
    async up(db) {
      await sql`create function audit_record_guard() returns trigger language plpgsql as $$ begin
        if tg_op = 'DELETE' and exists (select from audit_checkpoints where kind = 'truncation' and number >= old.number
          and (organization_id = old.organization_id or (organization_id is null and old.organization_id is null))) then
          return old;
        end if;
        raise exception 'the audit trail is only added to';
      end $$`.execute(db);
      await sql`create function audit_checkpoint_guard() returns trigger language plpgsql as $$ begin
        raise exception 'the audit trail is only added to';
      end $$`.execute(db);
      await sql`create function audit_entry_guard() returns trigger language plpgsql as $$ begin
        if tg_op = 'DELETE' and exists (select from audit_progress
          where (audit_progress.transaction, audit_progress.sequence) >= (old.transaction, old.sequence)) then return old; end if;
        raise exception 'the audit trail is only added to';
      end $$`.execute(db);
      await addedToOnly(db, "audit_records", "audit_record_guard");
      await addedToOnly(db, "audit_personal", "audit_record_guard");
      await addedToOnly(db, "audit_checkpoints", "audit_checkpoint_guard");
      await addedToOnly(db, "audit_entries", "audit_entry_guard");
      for (const [table, rights] of Object.entries(withheld)) await revoke(db, rights, table);
    },
  },
  {
    name: "0079_audit_exports",
    why: "exports that a job writes, in encrypted parts, for a day",
    async up(db) {
      await sql`create table audit_exports (
        id uuid primary key,
        organization_id uuid,
        every_tenant boolean not null,
        requested_by uuid,
        format text not null check (format in ('jsonl', 'csv')),
        search jsonb not null,
        status text not null check (status in ('Waiting', 'Running', 'Ready')),
        last_position bigint not null,
        position bigint not null default 0,
        total bigint not null,
        written bigint not null default 0,
        parts integer not null default 0,
        created_at timestamptz not null,
        finished_at timestamptz
      )`.execute(db);
      await tenantTable(db, "audit_exports", { tenant: "organization_id" });
      await sql`create table audit_export_parts (
        export_id uuid not null references audit_exports (id) on delete cascade,
        part integer not null,
        organization_id uuid,
        sealed text not null,
        primary key (export_id, part)
      )`.execute(db);
      await tenantTable(db, "audit_export_parts", { tenant: "organization_id" });
    },
  },
  {
    name: "0095_audit_rare_records",
    why: "an auditor looks for rare records in a long chain: by time, by failure, by severity",
    async up(db) {
      await sql`create index audit_records_by_time on audit_records (organization_id, occurred_at)`.execute(db);
      await sql`create index audit_records_not_successful on audit_records (organization_id, result, position)
        where result <> 'success'`.execute(db);
      await sql`create index audit_records_of_weight on audit_records (organization_id, severity, position)
        where severity <> 'Info'`.execute(db);
    },
  },
  {
    name: "0101_audit_dead_entries",
    why: "the verifier looks up the rare stand-ins of entries that could not be appended",
    async up(db) {
      await sql`create index audit_records_of_dead_entries on audit_records (position) where action = 'AuditLog.EntryDeadLettered'`.execute(
        db,
      );
    },
  },
  {
    name: "0141_audit_internal_chain",
    why: "the internal chain in its order: to an index over all chains NULL is no constant, so each page sorted the whole of it",
    async up(db) {
      await sql`create index audit_records_of_the_internal_chain on audit_records (number) where organization_id is null`.execute(db);
      await sql`create index audit_records_of_the_internal_scope on audit_records (position) where organization_id is null`.execute(db);
      await sql`create index audit_checkpoints_of_the_internal_chain on audit_checkpoints (kind, number) where organization_id is null`.execute(
        db,
      );
    },
  },
  {
    name: "0145_audit_exports_of_an_organization",
    why: "how many records an organization has in its exports is counted before each new one",
    async up(db) {
      await sql`create index audit_exports_of_an_organization on audit_exports (organization_id)`.execute(db);
    },
  },
  {
    name: "0135_audit_references_and_retention_have_an_index",
    why: "personal data is found by its key; appended entries and exports are removed in batches, the oldest first",
    async up(db) {
      await sql`create index audit_personal_of_a_key on audit_personal (key_id)`.execute(db);
      await sql`create index audit_exports_by_age on audit_exports (created_at)`.execute(db);
    },
  },
  {
    name: "0231_audit_records_of_a_principal",
    why: "a record has the principal and the credential of its call, and is found by both (decision 0049)",
    async up(db) {
      // Null in older records: a record is never changed, and their hashes do not cover these fields.
      await sql`alter table audit_records
        add column principal_kind text,
        add column principal_id text,
        add column credential_kind text,
        add column credential_id text`.execute(db);
      await sql`create index audit_records_of_a_principal on audit_records
        ((case when principal_kind is null then actor_id else principal_id end), position)`.execute(db);
      await sql`create index audit_records_of_a_credential on audit_records
        ((case when principal_kind is null then session_id::text else credential_id end), position)`.execute(db);
    },
  },
  {
    name: "0233_audit_encrypted_columns",
    why: "encrypted columns and the queue of entries are named by standard terms, before the first release freezes names",
    breaking: true,
    async up(db) {
      await sql`alter table audit_signing_keys rename column sealed_private_key to encrypted_private_key`.execute(db);
      await sql`alter table audit_person_keys rename column sealed_key to encrypted_key`.execute(db);
      await sql`alter table audit_personal rename column sealed to ciphertext`.execute(db);
      await sql`alter table audit_export_parts rename column sealed to ciphertext`.execute(db);
      await sql`update record_dead_letters set consumer = 'audit.append-entries' where consumer = 'audit.seal-entries'`.execute(db);
    },
  },
];
