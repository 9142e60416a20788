import { type Kysely, sql } from "kysely";
import type { AnyTables, ReadHandle } from "#platform/database/database.ts";
import { policyKey } from "./keys.ts";
import type { Found, Kind, UserFactsById } from "./kind.ts";
import { olderLists } from "./older-lists.ts";

/** A projection entry as the tables have it. */
export interface Computed {
  readonly key: string;
  readonly organizationId: string | null;
  /** The value as JSON; `null` leaves a marker: the entry was there and is no longer. */
  readonly json: string;
}

const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

const users: Kind = {
  pattern: new RegExp(`^iam:user:id:(${id})$`),
  async compute(_db, keys, users) {
    const found = await users(keys.map(([, userId]) => userId as string));
    return entries(keys, ([, userId]) => {
      const facts = found.get(userId as string);
      return facts && { organizationId: null, json: JSON.stringify(facts) };
    });
  },
};

const tenants: Kind = {
  pattern: new RegExp(`^iam:org:(${id}):status$`),
  async compute(db, keys) {
    const { rows } = await sql<{ id: string; status: string; attributes: object | null }>`
      select t.organization_id as id, t.status, a.attributes from access_tenants t
      left join access_attributes a on a.organization_id = t.organization_id and a.user_id is null
      where t.organization_id = any(${keys.map(([, organizationId]) => organizationId)}::uuid[])`.execute(db);
    const found = new Map(rows.map((row) => [row.id, row]));
    return entries(keys, ([, organizationId]) => {
      const row = found.get(organizationId as string);
      return row && { organizationId: row.id, json: JSON.stringify({ status: row.status, attributes: row.attributes ?? undefined }) };
    });
  },
};

const entitlements: Kind = {
  pattern: new RegExp(`^iam:org:(${id}):entitlements$`),
  async compute(db, keys) {
    const { rows } = await sql<{ id: string; entitlements: object | null }>`
      select organization_id as id, entitlements from access_tenants
      where organization_id = any(${keys.map(([, organizationId]) => organizationId)}::uuid[])`.execute(db);
    const found = new Map(rows.map((row) => [row.id, row]));
    return entries(keys, ([, organizationId]) => {
      const row = found.get(organizationId as string);
      return row && { organizationId: row.id, json: JSON.stringify(row.entitlements) };
    });
  },
};

interface Membership {
  readonly user: string;
  readonly organization: string | null;
  readonly role_ids: readonly string[];
  readonly attributes: object | null;
}

const memberships: Kind = {
  pattern: new RegExp(`^iam:membership:user:(${id}):(?:org:(${id})|internal)$`),
  async compute(db, keys) {
    const inOrganizations = keys.filter(([, , organizationId]) => organizationId !== undefined);
    const internal = keys.filter(([, , organizationId]) => organizationId === undefined);
    const rows: Membership[] = [];
    // Two statements, because no index serves "the same organization or none in both".
    if (inOrganizations.length > 0) {
      const found = await sql<Membership>`
        select w.user_id as user, w.organization_id as organization, held.role_ids, a.attributes
        from unnest(${inOrganizations.map(([, user]) => user)}::uuid[], ${inOrganizations.map(([, , organization]) => organization)}::uuid[])
          as w (user_id, organization_id)
        cross join lateral (select array_agg(role_id::text order by assigned_at, role_id) as role_ids from role_assignments r
          where r.user_id = w.user_id and r.organization_id = w.organization_id) held
        left join access_attributes a on a.organization_id = w.organization_id and a.user_id = w.user_id
        where held.role_ids is not null`.execute(db);
      rows.push(...found.rows);
    }
    if (internal.length > 0) {
      const found = await sql<Membership>`
        select r.user_id as user, null as organization, array_agg(r.role_id::text order by r.assigned_at, r.role_id) as role_ids,
          null as attributes
        from role_assignments r
        where r.user_id = any(${internal.map(([, user]) => user)}::uuid[]) and r.organization_id is null group by r.user_id`.execute(db);
      rows.push(...found.rows);
    }
    const found = new Map(rows.map((row) => [`${row.user}/${row.organization ?? ""}`, row]));
    return entries(keys, ([, user, organization]) => {
      const row = found.get(`${user}/${organization ?? ""}`);
      const organizationId = organization ?? null;
      if (row === undefined) return { organizationId, json: "null" };
      return { organizationId, json: JSON.stringify({ roleIds: row.role_ids, attributes: row.attributes ?? undefined }) };
    });
  },
};

const roles: Kind = {
  pattern: new RegExp(`^iam:role:id:(${id})$`),
  async compute(db, keys) {
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
      where r.id = any(${keys.map(([, roleId]) => roleId)}::uuid[])`.execute(db);
    const found = new Map(rows.map((row) => [row.id, row]));
    return entries(keys, ([, roleId]) => {
      const row = found.get(roleId as string);
      return row && { organizationId: row.organization_id, json: row.value };
    });
  },
};

/** Made by the database as one text: of 20,000 permissions it is 2 MB, which the worker hands on without looking into it. */
const policy: Kind = {
  pattern: new RegExp(`^${policyKey}$`),
  async compute(db) {
    const { rows } = await sql<{ value: string }>`
      select jsonb_build_object(
        'permissions', coalesce((
          select jsonb_agg(jsonb_build_object('value', d.value, 'parent', above.value, 'scope', d.scope) order by d.value)
          from permission_definitions d left join permission_definitions above on above.id = d.parent_permission_id), '[]'::jsonb),
        'model', coalesce((select document from authorization_models order by version desc limit 1), '{}'::jsonb))::text as value`.execute(
      db,
    );
    return new Map(rows.map(({ value }) => [policyKey, { organizationId: null, json: value }]));
  },
};

const kinds: readonly Kind[] = [users, tenants, entitlements, memberships, roles, policy, olderLists];

/** Whether an entry may lie under the key: one of a kind that is known, about something that has an id. */
export const isEntryKey = (key: string): boolean => kinds.some(({ pattern }) => pattern.test(key));

/** The kinds that the access module's own tables hold whole, so that any process may compute them. */
export const isOfOwnTables = (key: string): boolean => !users.pattern.test(key) && isEntryKey(key);

/** What the tables say about each entry, in the order of the keys. Throws for a key that no entry has. */
export async function computeEntries(db: ReadHandle, keys: readonly string[], users: UserFactsById): Promise<readonly Computed[]> {
  const tables = db as unknown as Kysely<AnyTables>;
  const unknown = keys.find((key) => !isEntryKey(key));
  if (unknown !== undefined) throw new Error(`the projection has no entry under ${unknown}`);
  const found = new Map<string, Found>();
  for (const kind of kinds) {
    const matches = keys.map((key) => kind.pattern.exec(key)).filter((match) => match !== null);
    if (matches.length === 0) continue;
    for (const [key, value] of await kind.compute(tables, matches, users)) found.set(key, value);
  }
  return keys.map((key) => ({ key, organizationId: null, json: "null", ...found.get(key) }));
}

function entries(keys: readonly RegExpExecArray[], find: (match: RegExpExecArray) => Found | undefined): ReadonlyMap<string, Found> {
  return new Map(
    keys.flatMap((match) => {
      const found = find(match);
      return found === undefined ? [] : [[match[0], found] as const];
    }),
  );
}
