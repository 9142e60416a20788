import { type RawBuilder, type SqlBool, sql } from "kysely";

/**
 * The rows of one tenant: an organization's, or those of the internal scope if the id is null. Every store uses it, because
 * PostgreSQL uses no index for `is not distinct from`, nor for an `or` of both cases: such a predicate scans every tenant's rows.
 *
 * `column` may be qualified (`events.organization_id`). For a list of the internal scope
 * in the order of another column, PostgreSQL needs a partial index (`where organization_id is null`).
 */
export const ofTenant = (organizationId: string | null, column = "organization_id"): RawBuilder<SqlBool> =>
  equalOrNull(column, organizationId);

/** A nullable reference, such as a user's id, equals `id`, or is null if `id` is null. */
export const equalOrNull = (column: string, id: string | null): RawBuilder<SqlBool> =>
  id === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${id}::uuid`;
