import type { Condition } from "@gatehouse/policy";
import { type Generated, type RawBuilder, type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { mayRemove } from "#platform/retention/ceiling.ts";
import type { Grant } from "./model.ts";
import type { RelationshipRow } from "./relationship-row.ts";

interface Relationships extends Omit<RelationshipRow, "revision"> {
  readonly granted_by: string | null;
  readonly granted_at: Date;
  readonly version: Generated<number>;
  readonly revision: Generated<string>;
}

export interface GrantTables {
  readonly relationships: Relationships;
}
export type GrantRow = Selectable<Relationships>;

/** What grants are looked for by; parts that are absent are not looked at. */
export interface GrantSearch {
  readonly organizationId: string | null;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly relation?: string | undefined;
  readonly subjectType?: string | undefined;
  readonly subjectId?: string | undefined;
  readonly subjectRelation?: string | undefined;
}

const isExpired = ({ expires_at }: Pick<GrantRow, "expires_at">, now: Date): boolean => expires_at !== null && expires_at <= now;

/** What a grant is about: who stands in which relation of what, until when. */
export const relationshipOf = (row: GrantRow) => ({
  organizationId: row.organization_id,
  resource: { type: row.resource_type, id: row.resource_id },
  relation: row.relation,
  subject: { type: row.subject_type, id: row.subject_id, ...(row.subject_relation === "" ? {} : { relation: row.subject_relation }) },
  expiresAt: row.expires_at?.toISOString() ?? null,
});

export const toGrant = (row: GrantRow, now: Date): Grant => ({
  id: row.id,
  ...relationshipOf(row),
  condition: row.condition,
  isExpired: isExpired(row, now),
  grantedBy: row.granted_by,
  grantedAt: row.granted_at.toISOString(),
  version: row.version,
});

const searchable = [
  ["resourceType", "resource_type"],
  ["resourceId", "resource_id"],
  ["relation", "relation"],
  ["subjectType", "subject_type"],
  ["subjectId", "subject_id"],
  ["subjectRelation", "subject_relation"],
] as const;

export const grantReads = (db: ReadHandle<GrantTables>) => ({
  grantById: (id: string): Promise<GrantRow | undefined> =>
    db.selectFrom("relationships").selectAll().where("id", "=", id).executeTakeFirst(),
  grantPage(search: GrantSearch, after: string | undefined, limit: number): Promise<GrantRow[]> {
    let query = db.selectFrom("relationships").selectAll().where(ofTenant(search.organizationId)).orderBy("id").limit(limit);
    for (const [name, column] of searchable) {
      const value = search[name];
      if (value !== undefined) query = query.where(column, "=", value);
    }
    if (after !== undefined) query = query.where("id", ">", after);
    return query.execute();
  },
  /** The resources of a type that any relationship names, in the order of their ids. */
  async resourceIds(organizationId: string | null, type: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select distinct resource_id collate "C" as id from relationships
      where ${ofTenant(organizationId)} and resource_type = ${type} and resource_id collate "C" > ${after ?? ""} order by 1 limit ${limit}`.execute(
      db as never,
    );
    return rows.map(({ id }) => id);
  },
  /** How many grants are found, counted up to `max`. */
  async countGrants(search: GrantSearch, max: number): Promise<number> {
    const rows = await rowsOf(
      db,
      sql<{ count: number }>`
      select count(*)::int as count from (select from relationships where ${matching(search)} limit ${max}) found`,
    );
    return rows[0]?.count ?? 0;
  },
  /** The relations that the grants found stand in. */
  async grantRelations(search: GrantSearch): Promise<readonly { readonly type: string; readonly relation: string }[]> {
    let query = db
      .selectFrom("relationships")
      .select(["resource_type as type", "relation"])
      .distinct()
      .where(ofTenant(search.organizationId));
    for (const [name, column] of searchable) {
      const value = search[name];
      if (value !== undefined) query = query.where(column, "=", value);
    }
    return query.execute();
  },
  /** Kinds of relationships that there are, for whoever changes the model: bounded by the models, not by the relationships. */
  async relationKinds(): Promise<readonly { readonly type: string; readonly relation: string; readonly subject: string }[]> {
    return rowsOf(
      db,
      sql<{ type: string; relation: string; subject: string }>`
      select distinct resource_type as type, relation, case
        when subject_type = 'user' and subject_id = '*' then 'user:*'
        when subject_relation = '' then subject_type else subject_type || '#' || subject_relation end as subject
      from relationships`,
    );
  },
  async conditionsOfGrants(): Promise<readonly { readonly type: string; readonly condition: Condition }[]> {
    return rowsOf(
      db,
      sql<{ type: string; condition: Condition }>`
      select distinct resource_type as type, condition from relationships where condition is not null`,
    );
  },
});

export const grantWrites = (tx: WriteHandle<GrantTables>) => ({
  insertGrant: (row: Omit<Relationships, "version" | "revision">): Promise<GrantRow> =>
    tx
      .insertInto("relationships")
      .values({ ...row, condition: row.condition === null ? null : (JSON.stringify(row.condition) as never) })
      .returningAll()
      .executeTakeFirstOrThrow(),
  lockGrant: (id: string): Promise<GrantRow | undefined> =>
    tx.selectFrom("relationships").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
  updateGrant: (id: string, change: { readonly condition: Condition | null; readonly expiresAt: Date | null }): Promise<GrantRow> =>
    tx
      .updateTable("relationships")
      .set({
        condition: change.condition === null ? null : (JSON.stringify(change.condition) as never),
        expires_at: change.expiresAt,
        version: sql<number>`version + 1`,
        revision: sql<string>`pg_current_xact_id()::text::bigint`,
      })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  /** Removes the grant of the same subject, relation and resource where it has expired; returns what it was. */
  async removeExpiredTwin(row: Omit<Relationships, "version" | "revision">, now: Date): Promise<GrantRow | undefined> {
    return tx
      .deleteFrom("relationships")
      .where(ofTenant(row.organization_id))
      .where("resource_type", "=", row.resource_type)
      .where("resource_id", "=", row.resource_id)
      .where("relation", "=", row.relation)
      .where("subject_type", "=", row.subject_type)
      .where("subject_id", "=", row.subject_id)
      .where("subject_relation", "=", row.subject_relation)
      .where("expires_at", "<=", now)
      .returningAll()
      .executeTakeFirst();
  },
  /**
   * Removes at most `limit` grants that expired so many days ago by the database's clock; none, and stopped, where more are due than one
   * run may take.
   */
  async removeExpiredGrants(days: number, limit: number): Promise<RemovedGrants & { readonly stopped: boolean }> {
    const isDue = sql`expires_at < now() - make_interval(days => ${days}::int)`;
    const { rows: counted } = await sql<{ due: string }>`select count(*)::text as due from relationships where ${isDue}`.execute(tx);
    const may = await mayRemove(tx as unknown as WriteHandle, {
      name: "access.grants",
      due: Number(counted[0]?.due ?? 0),
      table: "relationships",
    });
    if (!may) return { rows: [], more: false, stopped: true };
    const { rows: found } = await sql<{ id: string }>`select id from relationships where ${isDue} limit ${limit}`.execute(tx);
    // Asked again under the row's lock: one that is given a later end in this moment stays.
    const rows = await tx
      .deleteFrom("relationships")
      .where(
        "id",
        "=",
        anyOf(
          found.map(({ id }) => id),
          "uuid",
        ),
      )
      .where(sql<boolean>`${isDue}`)
      .returningAll()
      .execute();
    return { rows, more: found.length === limit, stopped: false };
  },
  async removeGrant(id: string): Promise<void> {
    await tx.deleteFrom("relationships").where("id", "=", id).execute();
  },
  /** Removes at most `limit` of those that are found. */
  async removeGrants(search: GrantSearch, limit: number): Promise<RemovedGrants> {
    const { rows: found } = await sql<{ id: string }>`select id from relationships where ${matching(search)} limit ${limit}`.execute(tx);
    const ids = found.map(({ id }) => id);
    // By their ids, so that one that another transaction is changing is waited for and removed, too.
    const rows = await tx.deleteFrom("relationships").where("id", "=", anyOf(ids, "uuid")).returningAll().execute();
    return { rows, more: found.length === limit };
  },
});

/** What a removal has removed, and whether there may be others. */
export interface RemovedGrants {
  readonly rows: readonly GrantRow[];
  readonly more: boolean;
}

/** The rows of a search, by an index that begins with the tenant. */
function matching(search: GrantSearch): RawBuilder<unknown> {
  const { organizationId } = search;
  const asked = searchable.flatMap(([name, column]) => (search[name] === undefined ? [] : [sql`${sql.ref(column)} = ${search[name]}`]));
  const tenant = organizationId === null ? sql`organization_id is null` : sql`organization_id = ${organizationId}::uuid`;
  return sql.join([tenant, ...asked], sql` and `);
}
