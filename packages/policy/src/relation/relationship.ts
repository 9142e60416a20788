import type { Condition } from "../condition/condition.ts";

export interface ResourceRef {
  readonly type: string;
  readonly id: string;
}

/** A user, all users (`user`, `*`), a service account, a role, another resource, or all subjects of another resource's relation. */
export interface SubjectRef {
  readonly type: string;
  readonly id: string;
  readonly relation?: string | undefined;
}

export const anyone: SubjectRef = { type: "user", id: "*" };

type AcceptedSubjects = { readonly user: boolean; readonly service: boolean; readonly anyone: boolean };

/** Whether a relationship may put exactly this subject, a user or a service account, into the relation. */
export const acceptsDirectly = ({ user, service }: AcceptedSubjects, { type }: SubjectRef): boolean =>
  type === "service" ? service : user;

/** Whether a relationship of all users puts the subject into the relation: `user:*` excludes service accounts. */
export const acceptsAnyone = ({ anyone: all }: AcceptedSubjects, { type }: SubjectRef): boolean => all && type === "user";

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
  /**
   * Those of the relation whose subject is neither a user nor a role: sets of others, and resources to go through. They may include
   * service accounts, which have no relations of their own.
   */
  indirect(resource: ResourceRef, relation: string): readonly Relationship[] | undefined;
  /** Relationships that put exactly this subject into the relation of any resource of the type. */
  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] | undefined;
}
