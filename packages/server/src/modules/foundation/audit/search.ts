import { type RawBuilder, sql } from "kysely";
import { ofTenant } from "#platform/database/tenant-predicate.ts";

/** The filters of a list or export; an undefined field does not filter. */
export interface Search {
  /** Undefined: every chain. */
  readonly organizationId?: string | null | undefined;
  readonly actorId?: string | undefined;
  readonly principalId?: string | undefined;
  readonly credentialId?: string | undefined;
  readonly action?: string | undefined;
  readonly category?: string | undefined;
  readonly severity?: string | undefined;
  readonly result?: string | undefined;
  readonly entityType?: string | undefined;
  readonly entityId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The principal of a record; in the first format its actor. An index has the same expression. */
export const principalOfRecord = sql.raw("case when principal_kind is null then actor_id else principal_id end");
/** The credential of a record; in the first format its session. An index has the same expression. */
export const credentialOfRecord = sql.raw("case when principal_kind is null then session_id::text else credential_id end");

const literally = (text: string): string => text.replaceAll(/[\\%_]/g, "\\$&");

/** A search as a condition on `audit_records`. */
export function matching(search: Search): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = [];
  if (search.organizationId !== undefined) conditions.push(ofTenant(search.organizationId));
  const equal: readonly (readonly [RawBuilder<unknown>, string | undefined])[] = [
    [sql.ref("actor_id"), search.actorId],
    [sql`(${principalOfRecord})`, search.principalId],
    [sql`(${credentialOfRecord})`, search.credentialId],
    [sql.ref("category"), search.category],
    [sql.ref("severity"), search.severity],
    [sql.ref("result"), search.result],
    [sql.ref("entity_type"), search.entityType],
    [sql.ref("entity_id"), search.entityId],
    [sql.ref("trace_id"), search.traceId],
  ];
  for (const [column, value] of equal) if (value !== undefined) conditions.push(sql`${column} = ${value}`);
  if (search.action !== undefined) conditions.push(sql`action ilike ${`%${literally(search.action)}%`}`);
  if (search.from !== undefined) conditions.push(sql`occurred_at >= ${new Date(search.from)}`);
  if (search.to !== undefined) conditions.push(sql`occurred_at < ${new Date(search.to)}`);
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}
