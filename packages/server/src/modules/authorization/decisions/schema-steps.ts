import { sql } from "kysely";
import { type SchemaStep, sharedTable, tenantTable } from "#platform/database/migrations.ts";

/** Step 0023 of the access module creates the projection's first table. */
export const steps: readonly SchemaStep[] = [
  {
    name: "0029_access_recorded_decisions",
    why: "recorded decisions, so that a change of policy can be previewed",
    async up(db) {
      await sql`create table recorded_decisions (
        organization_id uuid references organizations (id) on delete cascade,
        day date not null,
        question_hash bytea not null,
        user_id uuid not null,
        question jsonb not null,
        allowed boolean not null,
        times bigint not null,
        last_at timestamptz not null,
        unique nulls not distinct (organization_id, day, question_hash)
      )`.execute(db);
      await sql`create index idx_recorded_decisions_day on recorded_decisions (day)`.execute(db);
      await tenantTable(db, "recorded_decisions", { tenant: "organization_id" });
    },
  },
  {
    name: "0060_access_read_model_marks",
    why: "the number of the projection's last write, so that a snapshot that missed one is detected (decision 0022)",
    async up(db) {
      await sql`create table access_read_model_marks (
        only_one boolean primary key default true check (only_one),
        number bigint not null
      )`.execute(db);
      await sql`insert into access_read_model_marks (number) values (0)`.execute(db);
      await sharedTable(db, "access_read_model_marks");
    },
  },
  {
    name: "0120_access_rules_as_given",
    why: "the projection has the rules of a role, no longer their expansion over the tree (decision 0031)",
    async up(db) {
      await sql`update access_read_model e set version = pg_current_xact_id()::text::bigint, value = jsonb_build_object(
          'id', r.id, 'name', r.name, 'scope', r.scope, 'organizationId', r.organization_id, 'isSystem', r.is_system_role,
          'given', coalesce(rules.given, '[]'::jsonb), 'effective', e.value -> 'effective')
        from roles r left join lateral (
          select jsonb_agg(case when p.effect = 'allow' and p.condition is null then to_jsonb(d.value)
            else jsonb_build_object('permission', d.value, 'effect', p.effect, 'condition', p.condition) end order by d.value) as given
          from role_permissions p join permission_definitions d on d.id = p.permission_definition_id where p.role_id = r.id) rules on true
        where e.key = 'iam:role:id:' || r.id and jsonb_typeof(e.value) = 'object'`.execute(db);
      await sql`update access_read_model e set version = pg_current_xact_id()::text::bigint,
          value = jsonb_set(e.value, '{permissions}', coalesce((
            select jsonb_agg(jsonb_build_object('value', d.value, 'parent', above.value, 'scope', d.scope) order by d.value)
            from permission_definitions d left join permission_definitions above on above.id = d.parent_permission_id), '[]'::jsonb))
        where e.key = 'iam:policy' and jsonb_typeof(e.value) = 'object'`.execute(db);
      // The lists of the previous release are removed one by one: the remaining ones are found without reading all entries.
      await sql`create index idx_access_read_model_older_lists on access_read_model (key)
        where key like '%:effective_permissions' and value <> 'null'::jsonb`.execute(db);
    },
  },
  {
    name: "0160_access_read_model_lineage",
    why: "the database lineage of the projection's numbers, so that a Redis snapshot of another lineage is detected",
    async up(db) {
      await sql`alter table access_read_model_marks add column lineage text`.execute(db);
    },
  },
  {
    name: "0161_access_cache_reports",
    why: "what each process reports when an operator requests a comparison of its caches with the projection",
    async up(db) {
      await sql`create table access_cache_reports (
        check_id uuid not null,
        host text not null,
        pid integer not null,
        entries integer not null,
        differing integer not null,
        keys jsonb not null,
        reported_at timestamptz not null,
        primary key (check_id, host, pid)
      )`.execute(db);
      await sharedTable(db, "access_cache_reports");
    },
  },
  {
    name: "0232_decisions_projection_names",
    why: "the projection, its watermark, its consumer and its events have one name, before the first release freezes names",
    breaking: true,
    async up(db) {
      await sql`alter table access_read_model rename to projection_entries`.execute(db);
      await sql`alter index access_read_model_pkey rename to projection_entries_pkey`.execute(db);
      await sql`alter index idx_access_read_model_older_lists rename to idx_projection_entries_older_lists`.execute(db);
      await sql`alter table access_read_model_marks rename to projection_watermarks`.execute(db);
      await sql`alter index access_read_model_marks_pkey rename to projection_watermarks_pkey`.execute(db);
      await sql`alter table dead_letters drop constraint dead_letters_consumer_fkey`.execute(db);
      await sql`update consumers set name = 'decisions.update-projection' where name = 'access.read-model'`.execute(db);
      await sql`update dead_letters set consumer = 'decisions.update-projection' where consumer = 'access.read-model'`.execute(db);
      await sql`alter table dead_letters add constraint dead_letters_consumer_fkey foreign key (consumer) references consumers (name)`.execute(
        db,
      );
      await sql`update record_dead_letters set consumer = 'decisions.projection-entries' where consumer = 'access.projection-entries'`.execute(
        db,
      );
      await sql`update stopped_removals set name = 'decisions.recorded' where name = 'access.decisions'`.execute(db);
      await sql`update events set type = case type
          when 'access.read_model_changed.v1' then 'decisions.projection_changed.v1' else 'decisions.cache_check_requested.v1' end
        where type in ('access.read_model_changed.v1', 'access.caches_asked.v1')`.execute(db);
    },
  },
];
