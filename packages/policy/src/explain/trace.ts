import { type ConditionTrace, traceCondition } from "../condition/compile.ts";
import type { Condition, Environment } from "../condition/condition.ts";
import type { Algebra } from "../relation/algebra.ts";
import type { Relationship, ResourceRef } from "../relation/relationship.ts";
import { allOf, anyOf, no, notOf, pending, type Truth, yes } from "../truth.ts";

/** The path over relations that a decision took, with the outcome of each step. */
export interface RelationTrace {
  readonly outcome: "true" | "false" | "invalid" | "pending" | "cut_short";
  readonly resource?: ResourceRef;
  readonly relation?: string;
  readonly relationship?: Relationship;
  readonly condition?: ConditionTrace;
  readonly how?: "any" | "all" | "not";
  readonly parts?: readonly RelationTrace[];
  /** Its steps are left out, because there would be too many. */
  readonly cutShort?: true;
}

/**
 * The maximum number of steps of a serialized trace. Paths share their traces, so a few dozen relationships can have more paths than any
 * response could contain.
 */
const partsMax = 5_000;
const sizes = new WeakMap<RelationTrace, number>();

function bounded(trace: RelationTrace): RelationTrace {
  const size = (trace.parts ?? []).reduce((sum, part) => sum + (sizes.get(part) ?? 1), 1);
  if (size <= partsMax) {
    sizes.set(trace, size);
    return trace;
  }
  const { parts: _, ...rest } = trace;
  return { ...rest, cutShort: true };
}

const words = ["false", "true", "invalid", "pending"] as const;
const truthOf = ({ outcome }: RelationTrace): Truth => words.indexOf(outcome as (typeof words)[number]) as Truth;
const leaf = (truth: Truth): RelationTrace => ({ outcome: words[truth] });

function joined(how: "any" | "all", truth: Truth, parts: readonly RelationTrace[]): RelationTrace {
  const telling = parts.filter((part) => Object.keys(part).length > 1);
  return telling.length === 1 && parts.length === 1
    ? (telling[0] as RelationTrace)
    : bounded({ outcome: words[truth], how, parts: telling });
}

/** The algebra of explanations. */
export const traces = (environment: Environment): Algebra<RelationTrace> => ({
  yes: leaf(yes),
  no: leaf(no),
  pending: leaf(pending),
  any: (parts) => joined("any", anyOf(parts.map(truthOf)), parts),
  all: (parts) => joined("all", allOf(parts.map(truthOf)), parts),
  not: (part) => bounded({ outcome: words[notOf(truthOf(part))], how: "not", parts: [part] }),
  // No short-circuit: an explanation shows every path.
  isYes: () => false,
  isNo: (part) => part.outcome === "false" && Object.keys(part).length === 1,
  isPending: (part) => truthOf(part) === pending,
  condition({ condition }) {
    const trace = traceCondition(condition as Condition, environment);
    return { outcome: trace.outcome, condition: trace };
  },
  by: (relationship, part) => bounded({ outcome: part.outcome, relationship, ...(Object.keys(part).length > 1 ? { parts: [part] } : {}) }),
  of: (resource, relation, part) =>
    bounded({
      outcome: part.outcome,
      resource: { type: resource.type, id: resource.id },
      relation,
      ...(part.cutShort ? { cutShort: true } : {}),
      ...(Object.keys(part).length > 1 ? { parts: part.how === "any" ? (part.parts ?? []) : [part] } : {}),
    }),
});
