import type { Condition, Relationship } from "@gatehouse/policy";

export interface RelationshipRow {
  readonly id: string;
  readonly organization_id: string | null;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly relation: string;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly subject_relation: string;
  readonly condition: Condition | null;
  readonly expires_at: Date | null;
  readonly revision: string;
}

/** A relationship for the engine, with its id, which explanations show. */
export interface StoredRelationship extends Relationship {
  readonly id: string;
}

export const asRelationship = (row: RelationshipRow): StoredRelationship => ({
  id: row.id,
  resource: { type: row.resource_type, id: row.resource_id },
  relation: row.relation,
  subject: { type: row.subject_type, id: row.subject_id, ...(row.subject_relation === "" ? {} : { relation: row.subject_relation }) },
  condition: row.condition,
  expiresAt: row.expires_at?.getTime() ?? null,
  revision: String(row.revision),
});
