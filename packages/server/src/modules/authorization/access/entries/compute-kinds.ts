import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { type EntryKey, formatKey, type KeyOf } from "./entry-key.ts";
import type { UserEntry } from "./values.ts";

/** Reads the users' entries by id, from the module that owns users. Service accounts have the same keys, but belong to this module. */
export type UserFactsById = (ids: readonly string[]) => Promise<ReadonlyMap<string, UserEntry>>;

/** An entry as the tables define it. */
export interface Found {
  readonly organizationId: string | null;
  readonly json: string;
}

/** Entries that were found, by key. */
export type FoundByKey = ReadonlyMap<string, Found>;

type Tables = Kysely<AnyTables>;

// One function per kind of entry. Each runs a fixed number of statements for any number of keys.

export async function computeUsers(db: Tables, keys: readonly KeyOf<"user">[], users: UserFactsById): Promise<FoundByKey> {
  const found = await users(keys.map(({ userId }) => userId));
  const services = await servicesById(
    db,
    keys.flatMap(({ userId }) => (found.has(userId) ? [] : [userId])),
  );
  return byKey(keys, ({ userId }) => {
    const facts = found.get(userId) ?? services.get(userId);
    return facts && { organizationId: null, json: JSON.stringify(facts) };
  });
}

async function servicesById(db: Tables, ids: readonly string[]): Promise<ReadonlyMap<string, UserEntry>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<{ id: string; status: string }>`
    select service_id as id, status from access_services where service_id = any(${ids}::uuid[])`.execute(db);
  return new Map(rows.map(({ id, status }) => [id, { status, kind: "service" }]));
}

export async function computeTenants(db: Tables, keys: readonly KeyOf<"tenant">[]): Promise<FoundByKey> {
  const { rows } = await sql<{ id: string; status: string; attributes: object | null }>`
    select t.organization_id as id, t.status, a.attributes from access_tenants t
    left join access_attributes a on a.organization_id = t.organization_id and a.user_id is null
    where t.organization_id = any(${keys.map(({ organizationId }) => organizationId)}::uuid[])`.execute(db);
  const found = new Map(rows.map((row) => [row.id, row]));
  return byKey(keys, ({ organizationId }) => {
    const row = found.get(organizationId);
    return row && { organizationId: row.id, json: JSON.stringify({ status: row.status, attributes: row.attributes ?? undefined }) };
  });
}

export async function computeEntitlements(db: Tables, keys: readonly KeyOf<"entitlements">[]): Promise<FoundByKey> {
  const { rows } = await sql<{ id: string; entitlements: object | null }>`
    select organization_id as id, entitlements from access_tenants
    where organization_id = any(${keys.map(({ organizationId }) => organizationId)}::uuid[])`.execute(db);
  const found = new Map(rows.map((row) => [row.id, row]));
  return byKey(keys, ({ organizationId }) => {
    const row = found.get(organizationId);
    return row && { organizationId: row.id, json: JSON.stringify(row.entitlements) };
  });
}

interface Membership {
  readonly user: string;
  readonly organization: string | null;
  readonly role_ids: readonly string[];
  readonly attributes: object | null;
}

export async function computeMemberships(db: Tables, keys: readonly KeyOf<"membership">[]): Promise<FoundByKey> {
  const inOrganizations = keys.filter(({ organizationId }) => organizationId !== null);
  const internal = keys.filter(({ organizationId }) => organizationId === null);
  const rows: Membership[] = [];
  // Two statements, because no index serves "the same organization or none in both".
  if (inOrganizations.length > 0) {
    const found = await sql<Membership>`
      select w.user_id as user, w.organization_id as organization, assigned.role_ids, a.attributes
      from unnest(${inOrganizations.map(({ userId }) => userId)}::uuid[], ${inOrganizations.map(({ organizationId }) => organizationId)}::uuid[])
        as w (user_id, organization_id)
      cross join lateral (select array_agg(role_id::text order by assigned_at, role_id) as role_ids from role_assignments r
        where r.user_id = w.user_id and r.organization_id = w.organization_id) assigned
      left join access_attributes a on a.organization_id = w.organization_id and a.user_id = w.user_id
      where assigned.role_ids is not null`.execute(db);
    rows.push(...found.rows);
  }
  if (internal.length > 0) {
    const found = await sql<Membership>`
      select r.user_id as user, null as organization, array_agg(r.role_id::text order by r.assigned_at, r.role_id) as role_ids,
        null as attributes
      from role_assignments r
      where r.user_id = any(${internal.map(({ userId }) => userId)}::uuid[]) and r.organization_id is null group by r.user_id`.execute(db);
    rows.push(...found.rows);
  }
  const found = new Map(rows.map((row) => [`${row.user}/${row.organization ?? ""}`, row]));
  return byKey(keys, ({ userId, organizationId }) => {
    const row = found.get(`${userId}/${organizationId ?? ""}`);
    if (row === undefined) return { organizationId, json: "null" };
    return { organizationId, json: JSON.stringify({ roleIds: row.role_ids, attributes: row.attributes ?? undefined }) };
  });
}

export async function computeRoles(db: Tables, keys: readonly KeyOf<"role">[]): Promise<FoundByKey> {
  const { rows } = await sql<{ id: string; organization_id: string | null; value: string }>`
    select r.id, r.organization_id, jsonb_build_object(
      'id', r.id, 'name', r.name, 'scope', r.scope, 'organizationId', r.organization_id, 'isSystem', r.is_system_role,
      'given', coalesce(rules.given, '[]'::jsonb),
      'effective', case when r.is_system_role then 'iam:role:system:' || r.scope || ':' || r.name || ':effective_permissions'
        else 'iam:role:' || r.id || ':effective_permissions' end)::text as value
    from roles r left join lateral (
      select jsonb_agg(case when p.effect = 'allow' and p.condition is null then to_jsonb(d.value)
        else jsonb_build_object('permission', d.value, 'effect', p.effect, 'condition', p.condition) end order by d.value) as given
      from role_permissions p join permission_definitions d on d.id = p.permission_definition_id where p.role_id = r.id) rules on true
    where r.id = any(${keys.map(({ roleId }) => roleId)}::uuid[])`.execute(db);
  const found = new Map(rows.map((row) => [row.id, row]));
  return byKey(keys, ({ roleId }) => {
    const row = found.get(roleId);
    return row && { organizationId: row.organization_id, json: row.value };
  });
}

/** Built by the database as one JSON text: for 20,000 permissions it is 2 MB, which the worker passes on without parsing. */
export async function computePolicy(db: Tables, keys: readonly KeyOf<"policy">[]): Promise<FoundByKey> {
  const { rows } = await sql<{ value: string }>`
    select jsonb_build_object(
      'permissions', coalesce((
        select jsonb_agg(jsonb_build_object('value', d.value, 'parent', above.value, 'scope', d.scope) order by d.value)
        from permission_definitions d left join permission_definitions above on above.id = d.parent_permission_id), '[]'::jsonb),
      'model', coalesce((select document from authorization_models order by version desc limit 1), '{}'::jsonb))::text as value`.execute(
    db,
  );
  return byKey(keys, () => rows[0] && { organizationId: null, json: rows[0].value });
}

function byKey<Key extends EntryKey>(keys: readonly Key[], find: (key: Key) => Found | undefined): FoundByKey {
  return new Map(
    keys.flatMap((key) => {
      const found = find(key);
      return found === undefined ? [] : [[formatKey(key), found] as const];
    }),
  );
}
