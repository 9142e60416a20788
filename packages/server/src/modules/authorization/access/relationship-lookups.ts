import type { Relationship } from "@gatehouse/policy";
import { sql } from "kysely";
import type { ReadHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { asRelationship, type RelationshipRow } from "./relationship-row.ts";

interface Lookup {
  readonly kind: "direct" | "indirect" | "reverse";
  readonly resource: { readonly type: string; readonly id: string };
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation: string };
}

/** The condition of each kind of look-up. Each has its own index. */
const conditions = {
  direct: sql`r.resource_type = k.rt and r.resource_id = k.ri and r.relation = k.rel
    and r.subject_type = k.st and r.subject_id = k.si and r.subject_relation = k.sr`,
  indirect: sql`r.resource_type = k.rt and r.resource_id = k.ri and r.relation = k.rel and r.subject_type not in ('user', 'role')`,
  reverse: sql`r.subject_type = k.st and r.subject_id = k.si and r.subject_relation = k.sr and r.resource_type = k.rt and r.relation = k.rel`,
} as const;

/** Finds the relationships of each look-up in the scope, at most `limit` each, in the order of the look-ups. Runs one statement per kind. */
export async function findRelationships(
  db: ReadHandle,
  organizationId: string | null,
  lookups: readonly Lookup[],
  limit: number,
): Promise<readonly (readonly Relationship[])[]> {
  const found: Relationship[][] = lookups.map(() => []);
  const numbered = lookups.map(({ kind, resource, relation, subject }, number) => ({
    kind,
    number,
    rt: resource.type,
    ri: resource.id,
    rel: relation,
    st: subject.type,
    si: subject.id,
    sr: subject.relation,
  }));
  for (const [kind, ofKind] of Map.groupBy(numbered, (lookup) => lookup.kind)) {
    const rows = await rowsOf(
      db,
      sql<RelationshipRow & { readonly number: number }>`
      select k.number, r.* from jsonb_to_recordset(${JSON.stringify(ofKind)}::jsonb)
        as k (number integer, rt text, rel text, st text, sr text, ri text, si text)
      cross join lateral (select r.* from relationships r
        where ${ofTenant(organizationId, "r.organization_id")} and ${conditions[kind]} limit ${limit}) r`,
    );
    for (const row of rows) found[row.number]?.push(asRelationship(row));
  }
  return found;
}
