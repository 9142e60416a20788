import type { Relationship, ResourceRef } from "./relationship.ts";

/**
 * The result type of the walk over relations. A decision computes truth values, a filter conditions on the resource, an
 * explanation the path: one walk with three algebras.
 */
export interface Algebra<T> {
  readonly yes: T;
  readonly no: T;
  /** Relationships are not loaded yet. */
  readonly pending: T;
  any(parts: readonly T[]): T;
  all(parts: readonly T[]): T;
  not(part: T): T;
  /** Whether more alternatives cannot change `part`. */
  isYes(part: T): boolean;
  /** Whether more conjuncts cannot change `part`. */
  isNo(part: T): boolean;
  isPending(part: T): boolean;
  /** The condition of a relationship; only called if it has one. */
  condition(relationship: Relationship): T;
  /** A relationship that applies, under its condition. */
  by?(relationship: Relationship, part: T): T;
  /** The outcome of a relation of a resource. */
  of?(resource: ResourceRef, relation: string, part: T): T;
}
