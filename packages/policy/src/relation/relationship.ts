import type { Condition } from "../condition/condition.ts";

export interface ResourceRef {
  readonly type: string;
  readonly id: string;
}

/** A user, all users (`user`, `*`), a role, another resource, or all subjects of another resource's relation. */
export interface SubjectRef {
  readonly type: string;
  readonly id: string;
  readonly relation?: string | undefined;
}

export const anyone: SubjectRef = { type: "user", id: "*" };

/** A fact that puts a subject into a relation of a resource. */
export interface Relationship {
  readonly resource: ResourceRef;
  readonly relation: string;
  readonly subject: SubjectRef;
  readonly condition?: Condition | null;
  /** Expiry in milliseconds since 1970. */
  readonly expiresAt?: number | null;
  /** The revision of its write. */
  readonly revision?: string;
}

/**
 * The source of relationships. Each result is the complete list, or undefined while it is not loaded: then the
 * decision is `pending`, and the caller loads what was requested and evaluates again. So the engine never waits itself.
 */
export interface RelationshipReader {
  /** Relationships that put exactly this subject into the relation. */
  direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] | undefined;
  /** Those of the relation whose subject is neither a user nor a role: sets of others, and resources to go through. */
  indirect(resource: ResourceRef, relation: string): readonly Relationship[] | undefined;
  /** Relationships that put exactly this subject into the relation of any resource of the type. */
  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] | undefined;
}
