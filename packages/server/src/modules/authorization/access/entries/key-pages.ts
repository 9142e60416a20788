import { type Kysely, sql } from "kysely";
import type { AnyTables, ReadHandle } from "#platform/database/database.ts";
import { entitlementsKey, membershipKey, policyKey, roleKey, tenantStatusKey, userKey } from "./entry-key.ts";

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
  page(db: Kysely<AnyTables>, after: string | undefined, limit: number, users: UserIds): Promise<Rows>;
}
interface Rows {
  readonly keys: readonly string[];
  /** Where the next page of the section begins; undefined after the last. */
  readonly next: string | undefined;
}

const nobody = "00000000-0000-0000-0000-000000000000";

/** A page of rows that each have a place of their own in the order. */
const placed = (places: readonly string[], limit: number, keysOf: (place: string) => readonly string[]): Rows => ({
  keys: places.flatMap(keysOf),
  next: places.length === limit ? places.at(-1) : undefined,
});

/** Everything that the projection should have. */
const sections: readonly Section[] = [
  { name: "fixed", page: async () => ({ keys: [policyKey], next: undefined }) },
  {
    name: "users",
    page: async (_db, after, limit, users) => placed(await users(after, limit), limit, (id) => [userKey(id)]),
  },
  {
    name: "services",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string }>`select service_id as id from access_services
        where service_id > ${after ?? nobody}::uuid order by service_id limit ${limit}`.execute(db);
      return placed(
        rows.map(({ id }) => id),
        limit,
        (id) => [userKey(id)],
      );
    },
  },
  {
    name: "organizations",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string }>`select organization_id as id from access_tenants
        where organization_id > ${after ?? nobody}::uuid order by organization_id limit ${limit}`.execute(db);
      return placed(
        rows.map(({ id }) => id),
        limit,
        (id) => [tenantStatusKey(id), entitlementsKey(id)],
      );
    },
  },
  {
    name: "memberships",
    /** Whole users, found along the index that begins with them: a page has `limit` assignments, and the rest of its last user's. */
    async page(db, after, limit) {
      const { rows: users } = await sql<{ id: string }>`select user_id as id from role_assignments
        where user_id > ${after ?? nobody}::uuid order by user_id limit ${limit}`.execute(db);
      const last = users.at(-1)?.id;
      if (last === undefined) return { keys: [], next: undefined };
      const { rows } = await sql<{ user: string; organization: string | null }>`
        select distinct user_id as user, organization_id as organization from role_assignments
        where user_id > ${after ?? nobody}::uuid and user_id <= ${last}::uuid order by 1, 2`.execute(db);
      return {
        keys: rows.map(({ user, organization }) => membershipKey(user, organization)),
        next: users.length === limit ? last : undefined,
      };
    },
  },
  {
    name: "roles",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string }>`select id from roles
        where id > ${after ?? nobody}::uuid order by id limit ${limit}`.execute(db);
      return placed(
        rows.map(({ id }) => id),
        limit,
        (id) => [roleKey(id)],
      );
    },
  },
];

/** Lists the key of every entry that the projection should have, a page at a time. A page may be empty before the last. */
export async function listEntryKeys(reading: ReadHandle, cursor: string | null, limit: number, users: UserIds): Promise<KeyPage> {
  const db = reading as unknown as Kysely<AnyTables>;
  const [name, after] = cursor === null ? [] : splitAtFirst(cursor);
  const index = name === undefined ? 0 : sections.findIndex((section) => section.name === name);
  const section = sections[index];
  if (section === undefined) return { keys: [], next: null };
  const { keys, next } = await section.page(db, after, limit, users);
  const following = sections[index + 1]?.name ?? null;
  return { keys, next: next === undefined ? following : `${section.name} ${next}` };
}

function splitAtFirst(cursor: string): [string, string | undefined] {
  const space = cursor.indexOf(" ");
  return space < 0 ? [cursor, undefined] : [cursor.slice(0, space), cursor.slice(space + 1)];
}
