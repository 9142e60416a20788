import { type Kysely, sql } from "kysely";
import type { AnyTables, ReadHandle } from "../../../platform/database/database.ts";
import { systemRoles } from "../system.ts";
import { effectiveKey, entitlementsKey, membershipKey, policyKey, roleKey, systemEffectiveKey, tenantStatusKey, userKey } from "./keys.ts";

/** A page of keys, and where the next one begins; null after the last. */
export interface KeyPage {
  readonly keys: readonly string[];
  readonly next: string | null;
}

/** Ids of people in their order, from `after` on. */
export type UserIds = (after: string | undefined, limit: number) => Promise<readonly string[]>;

interface Section {
  readonly name: string;
  /** Rows after `after`, each with the keys that follow from it and the place behind it. */
  page(db: Kysely<AnyTables>, after: string | undefined, limit: number, users: UserIds): Promise<readonly Row[]>;
  /** The keys have rows already; those of the other sections are told only where they have none. */
  readonly hasRows?: boolean;
}
interface Row {
  readonly place: string;
  readonly keys: readonly string[];
}

const nobody = "00000000-0000-0000-0000-000000000000";

/** Everything that there is in the read model, then everything that there should be. */
const sections: readonly Section[] = [
  {
    name: "rows",
    hasRows: true,
    async page(db, after, limit) {
      const { rows } = await sql<{ key: string }>`
        select key from access_read_model where key > ${after ?? ""} order by key limit ${limit}`.execute(db);
      return rows.map(({ key }) => ({ place: key, keys: [key] }));
    },
  },
  {
    name: "fixed",
    page: async (_db, after) =>
      after === undefined
        ? [{ place: "all", keys: [policyKey, ...systemRoles.map(({ scope, name }) => systemEffectiveKey(scope, name))] }]
        : [],
  },
  {
    name: "users",
    page: async (_db, after, limit, users) => (await users(after, limit)).map((id) => ({ place: id, keys: [userKey(id)] })),
  },
  {
    name: "organizations",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string }>`select organization_id as id from access_tenants
        where organization_id > ${after ?? nobody}::uuid order by organization_id limit ${limit}`.execute(db);
      return rows.map(({ id }) => ({ place: id, keys: [tenantStatusKey(id), entitlementsKey(id)] }));
    },
  },
  {
    name: "memberships",
    async page(db, after, limit) {
      const [user, organization] = after?.split("/") ?? [nobody, nobody];
      const { rows } = await sql<{ user: string; organization: string }>`
        select distinct user_id as user, coalesce(organization_id, ${nobody}::uuid) as organization from role_assignments
        where (user_id, coalesce(organization_id, ${nobody}::uuid)) > (${user}::uuid, ${organization}::uuid)
        order by 1, 2 limit ${limit}`.execute(db);
      return rows.map((row) => ({
        place: `${row.user}/${row.organization}`,
        keys: [membershipKey(row.user, row.organization === nobody ? null : row.organization)],
      }));
    },
  },
  {
    name: "roles",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string; system: boolean }>`select id, is_system_role as system from roles
        where id > ${after ?? nobody}::uuid order by id limit ${limit}`.execute(db);
      return rows.map(({ id, system }) => ({ place: id, keys: system ? [roleKey(id)] : [roleKey(id), effectiveKey(id)] }));
    },
  },
];

/** Lists the key of every part that is there or should be, each once, a page at a time. A page may be empty before the last. */
export async function listPartKeys(reading: ReadHandle, cursor: string | null, limit: number, users: UserIds): Promise<KeyPage> {
  const db = reading as unknown as Kysely<AnyTables>;
  const [name, after] = cursor === null ? [] : splitAtFirst(cursor);
  const index = name === undefined ? 0 : sections.findIndex((section) => section.name === name);
  const section = sections[index];
  if (section === undefined) return { keys: [], next: null };
  const rows = await section.page(db, after, limit, users);
  const keys = rows.flatMap((row) => row.keys);
  const last = rows.at(-1);
  const following = sections[index + 1];
  const next = last && rows.length === limit ? `${section.name} ${last.place}` : following ? following.name : null;
  return { keys: section.hasRows ? keys : await withoutRow(db, keys), next };
}

async function withoutRow(db: Kysely<AnyTables>, keys: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql<{ key: string }>`
    select wanted.key from unnest(${keys}::text[]) as wanted (key)
    where not exists (select from access_read_model present where present.key = wanted.key)`.execute(db);
  return rows.map(({ key }) => key);
}

function splitAtFirst(cursor: string): [string, string | undefined] {
  const space = cursor.indexOf(" ");
  return space < 0 ? [cursor, undefined] : [cursor.slice(0, space), cursor.slice(space + 1)];
}
