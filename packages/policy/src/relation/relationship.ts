import type { Condition } from "../condition/condition.ts";

export interface ResourceRef {
  readonly type: string;
  readonly id: string;
}

/** A user, every user (`user`, `*`), a service account, a role, another resource, or all who stand in a relation of another resource. */
export interface SubjectRef {
  readonly type: string;
  readonly id: string;
  readonly relation?: string | undefined;
}

export const anyone: SubjectRef = { type: "user", id: "*" };

type Taking = { readonly user: boolean; readonly service: boolean; readonly anyone: boolean };

/** Whether a relationship may put this very subject, a user or a service account, into the relation. */
export const takesDirectly = ({ user, service }: Taking, { type }: SubjectRef): boolean => (type === "service" ? service : user);

/** Whether a relationship to everybody puts the subject into the relation: `user:*` is users alone. */
export const takesEverybody = ({ anyone: everybody }: Taking, { type }: SubjectRef): boolean => everybody && type === "user";

/** A fact that puts a subject into a relation of a resource (S2's camera permission is one). */
export interface Relationship {
  readonly resource: ResourceRef;
  readonly relation: string;
  readonly subject: SubjectRef;
  readonly condition?: Condition | null;
  /** Milliseconds since 1970; from that moment on it is no longer there. */
  readonly expiresAt?: number | null;
  /** The write that it came with. */
  readonly revision?: string;
}

/**
 * Where relationships are read from. Each answer is the complete list, or undefined while it is not at hand: then the
 * decision is `pending`, and who asked loads what was asked for and asks again. So the engine never waits itself.
 */
export interface RelationshipReader {
  /** Those that put this very subject into the relation. */
  direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] | undefined;
  /**
   * Those of the relation whose subject is neither a user nor a role: sets of others, and resources to go through. Service accounts may be
   * among them; nothing leads on from one.
   */
  indirect(resource: ResourceRef, relation: string): readonly Relationship[] | undefined;
  /** Those that put this very subject into the relation of any resource of the type. */
  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] | undefined;
}
