import type { Relationship, ResourceRef } from "./relationship.ts";

/**
 * What the walk over relations makes of its steps. A decision makes truths of them, a filter conditions on the resource, an
 * explanation the path: one walk, three algebras.
 */
export interface Algebra<T> {
  readonly yes: T;
  readonly no: T;
  /** Relationships are not at hand yet. */
  readonly pending: T;
  any(parts: readonly T[]): T;
  all(parts: readonly T[]): T;
  not(part: T): T;
  /** Whether more alternatives cannot change `part`. */
  isYes(part: T): boolean;
  /** Whether more conjuncts cannot change `part`. */
  isNo(part: T): boolean;
  isPending(part: T): boolean;
  /** The condition of a relationship; only asked where it has one. */
  condition(relationship: Relationship): T;
  /** A relationship that applies, under what comes with it. */
  by?(relationship: Relationship, part: T): T;
  /** The outcome of a relation of a resource. */
  of?(resource: ResourceRef, relation: string, part: T): T;
}
