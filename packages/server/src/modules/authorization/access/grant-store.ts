import type { Condition } from "@gatehouse/policy";
import { type Generated, type RawBuilder, type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
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

/** The filters of a search for grants; an absent field does not filter. */
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

/** The relationship that a grant creates, and when it expires. */
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

/** A condition as a JSON parameter. */
const jsonOf = (condition: Condition | null): RawBuilder<Condition | null> =>
  sql`${condition === null ? null : JSON.stringify(condition)}::jsonb`;

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
    const rows = await rowsOf(
      db,
      sql<{ id: string }>`
      select distinct resource_id collate "C" as id from relationships
      where ${ofTenant(organizationId)} and resource_type = ${type} and resource_id collate "C" > ${after ?? ""} order by 1 limit ${limit}`,
    );
    return rows.map(({ id }) => id);
  },
  /** The number of grants found, counted up to `max`. */
  async countGrants(search: GrantSearch, max: number): Promise<number> {
    const row = await firstRow(
      db,
      sql<{ count: number }>`
      select count(*)::int as count from (select from relationships where ${matching(search)} limit ${max}) found`,
    );
    return row?.count ?? 0;
  },
  /** The relations of the grants found. */
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
  /** The distinct kinds of existing relationships. Their number is bounded by the models, not by the relationships. */
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
      .values({ ...row, condition: jsonOf(row.condition) })
      .returningAll()
      .executeTakeFirstOrThrow(),
  lockGrant: (id: string): Promise<GrantRow | undefined> =>
    tx.selectFrom("relationships").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
  updateGrant: (id: string, change: { readonly condition: Condition | null; readonly expiresAt: Date | null }): Promise<GrantRow> =>
    tx
      .updateTable("relationships")
      .set({
        condition: jsonOf(change.condition),
        expires_at: change.expiresAt,
        version: sql<number>`version + 1`,
        revision: sql<string>`pg_current_xact_id()::text::bigint`,
      })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  /** Removes an expired grant with the same subject, relation and resource, and returns it. */
  async removeExpiredDuplicate(row: Omit<Relationships, "version" | "revision">, now: Date): Promise<GrantRow | undefined> {
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
   * Removes at most `limit` grants that expired `days` ago or earlier, by the database's clock. Removes none and reports `stopped` if more
   * are due than one run may remove.
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
    // Checked again under the row's lock: a grant whose expiry is extended concurrently stays.
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
  /** Removes at most `limit` of the grants found. */
  async removeGrants(search: GrantSearch, limit: number): Promise<RemovedGrants> {
    const { rows: found } = await sql<{ id: string }>`select id from relationships where ${matching(search)} limit ${limit}`.execute(tx);
    const ids = found.map(({ id }) => id);
    // By id, so that the deletion waits for a concurrent change of a grant and then removes it.
    const rows = await tx.deleteFrom("relationships").where("id", "=", anyOf(ids, "uuid")).returningAll().execute();
    return { rows, more: found.length === limit };
  },
});

/** The removed grants, and whether there may be more. */
export interface RemovedGrants {
  readonly rows: readonly GrantRow[];
  readonly more: boolean;
}

/** A search as a condition, in a form that an index beginning with the tenant serves. */
function matching(search: GrantSearch): RawBuilder<unknown> {
  const { organizationId } = search;
  const filters = searchable.flatMap(([name, column]) => (search[name] === undefined ? [] : [sql`${sql.ref(column)} = ${search[name]}`]));
  const tenant = organizationId === null ? sql`organization_id is null` : sql`organization_id = ${organizationId}::uuid`;
  return sql.join([tenant, ...filters], sql` and `);
}
