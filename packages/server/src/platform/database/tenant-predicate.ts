import { type RawBuilder, type SqlBool, sql } from "kysely";

/**
 * The rows of one tenant: an organization's, or those of the internal scope where the id is null. Every store uses it, because
 * PostgreSQL finds no index for `is not distinct from`, nor for an `or` over both cases: such a predicate reads every tenant's rows.
 *
 * `column` may be qualified (`events.organization_id`). NULL sorts as no constant, so a list of the internal scope that is read in
 * the order of another column needs a partial index (`where organization_id is null`).
 */
export const ofTenant = (organizationId: string | null, column = "organization_id"): RawBuilder<SqlBool> =>
  equalOrNull(column, organizationId);

/** A nullable reference to a row, such as a user's id, is this one; null where there is none. */
export const equalOrNull = (column: string, id: string | null): RawBuilder<SqlBool> =>
  id === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${id}::uuid`;
