import { type Kysely, sql } from "kysely";
import type { AnyTables, ReadHandle } from "#platform/database/database.ts";
import { entitlementsKey, membershipKey, policyKey, roleKey, tenantStatusKey, userKey } from "./entry-key.ts";

/** A page of keys, and the cursor of the next one; null after the last. */
export interface KeyPage {
  readonly keys: readonly string[];
  readonly next: string | null;
}

/** Ids of users in their order, after `after`. */
export type UserIds = (after: string | undefined, limit: number) => Promise<readonly string[]>;

interface Section {
  readonly name: string;
  /** The keys that follow from the section's rows after `after`. */
  page(db: Kysely<AnyTables>, after: string | undefined, limit: number, users: UserIds): Promise<SectionPage>;
}
interface SectionPage {
  readonly keys: readonly string[];
  /** The position after which the next page of the section begins; undefined after the last. */
  readonly next: string | undefined;
}

/** Smaller than every id. */
const zeroId = "00000000-0000-0000-0000-000000000000";

/** A page of rows that are identified by one id each. */
const pageOfIds = (ids: readonly string[], limit: number, keysOf: (id: string) => readonly string[]): SectionPage => ({
  keys: ids.flatMap(keysOf),
  next: ids.length === limit ? ids.at(-1) : undefined,
});

/** The expected entries of the projection. */
const sections: readonly Section[] = [
  { name: "fixed", page: async () => ({ keys: [policyKey], next: undefined }) },
  {
    name: "users",
    page: async (_db, after, limit, users) => pageOfIds(await users(after, limit), limit, (id) => [userKey(id)]),
  },
  {
    name: "services",
    async page(db, after, limit) {
      const { rows } = await sql<{ id: string }>`select service_id as id from access_services
        where service_id > ${after ?? zeroId}::uuid order by service_id limit ${limit}`.execute(db);
      return pageOfIds(
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
        where organization_id > ${after ?? zeroId}::uuid order by organization_id limit ${limit}`.execute(db);
      return pageOfIds(
        rows.map(({ id }) => id),
        limit,
        (id) => [tenantStatusKey(id), entitlementsKey(id)],
      );
    },
  },
  {
    name: "memberships",
    /** Pages of whole users, by the index on users: `limit` assignments, and the remaining ones of the last user. */
    async page(db, after, limit) {
      const { rows: users } = await sql<{ id: string }>`select user_id as id from role_assignments
        where user_id > ${after ?? zeroId}::uuid order by user_id limit ${limit}`.execute(db);
      const last = users.at(-1)?.id;
      if (last === undefined) return { keys: [], next: undefined };
      const { rows } = await sql<{ user: string; organization: string | null }>`
        select distinct user_id as user, organization_id as organization from role_assignments
        where user_id > ${after ?? zeroId}::uuid and user_id <= ${last}::uuid order by 1, 2`.execute(db);
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
        where id > ${after ?? zeroId}::uuid order by id limit ${limit}`.execute(db);
      return pageOfIds(
        rows.map(({ id }) => id),
        limit,
        (id) => [roleKey(id)],
      );
    },
  },
];

/** Lists the keys of all expected entries of the projection, a page at a time. A page before the last may be empty. */
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
