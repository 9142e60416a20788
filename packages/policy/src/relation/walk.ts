import { stepCosts } from "../budget.ts";
import type { Environment } from "../condition/condition.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import type { PreparedRelation } from "../model/prepared-relation.ts";
import type { Algebra } from "./algebra.ts";
import {
  acceptsAnyone,
  acceptsDirectly,
  anyone,
  type Relationship,
  type RelationshipReader,
  type ResourceRef,
  type SubjectRef,
} from "./relationship.ts";

/** Limits of one decision (docs/security/attacks.md, 34). Exceeding them is the error `evaluation_limit`. */
export const walkLimits = { depth: 40, lookups: 20_000 } as const;

export interface WalkInput {
  readonly policy: Policy;
  /** A user or a service account. */
  readonly subject: SubjectRef;
  readonly roleIds: readonly string[];
  readonly reader: RelationshipReader;
  /** Its time is only read if a relationship expires; counts the steps. */
  readonly moment: Pick<Environment, "now" | "spend">;
}

export const tooMuch = (what: string): PolicyError =>
  new PolicyError("evaluation_limit", [
    { field: "resource", rule: what, message: `has relationships that are too ${what === "depth" ? "deep" : "many"} to decide` },
  ]);

/** An outcome that holds as long as what it was cut off from is still being worked out. */
interface Provisional<T> {
  readonly outcome: T;
  readonly cuts: bigint;
}

/** Evaluates whether one subject is in relations of resources, with a cache for one decision. */
export class Walk<T> {
  readonly #input: WalkInput;
  readonly #algebra: Algebra<T>;
  readonly #known = new Map<string, T>();
  readonly #provisional = new Map<string, Provisional<T>>();
  /** The relations being evaluated, by depth. A path back to one is cut, because it cannot be reached through itself. */
  readonly #open = new Map<string, number>();
  /** The depths at which the current evaluation was cut, as bits. */
  #cuts = 0n;
  readonly #subjects = new Map<PreparedRelation, readonly SubjectRef[]>();
  #lookups = 0;
  #incomplete = false;

  constructor(input: WalkInput, algebra: Algebra<T>) {
    this.#input = input;
    this.#algebra = algebra;
  }

  expression(expression: RelationExpression, resource: ResourceRef): T {
    const { any, all, not, isYes, isNo } = this.#algebra;
    if (typeof expression === "string") return this.relation(resource, expression);
    if ("through" in expression) return this.#through(resource, expression.through, expression.relation);
    if ("any" in expression) return this.#first(expression.any, resource, isYes, any);
    if ("all" in expression) return this.#first(expression.all, resource, isNo, all);
    const base = this.expression(expression.base, resource);
    if (isNo(base)) return base;
    return all([base, not(this.expression(expression.except, resource))]);
  }

  /** Evaluates operands until one decides. After a pending one the others are still evaluated, so that all are loaded at once. */
  #first(parts: readonly RelationExpression[], resource: ResourceRef, settles: (part: T) => boolean, join: (parts: readonly T[]) => T): T {
    const found: T[] = [];
    for (const part of parts) {
      const outcome = this.expression(part, resource);
      if (settles(outcome)) return outcome;
      found.push(outcome);
    }
    return join(found);
  }

  relation(resource: ResourceRef, name: string): T {
    const relation = this.#input.policy.relation(resource.type, name);
    if (relation === undefined) return this.#algebra.no;
    // Types and relations are names without a slash, so the key is of one resource only.
    const key = `${resource.type}/${name}/${resource.id}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const provisional = this.#provisional.get(key);
    if (provisional !== undefined) {
      this.#cuts |= provisional.cuts;
      return provisional.outcome;
    }
    const open = this.#open.get(key);
    if (open !== undefined) {
      this.#cuts |= 1n << BigInt(open);
      return this.#algebra.no;
    }
    return this.#workOut(key, resource, name, relation);
  }

  #workOut(key: string, resource: ResourceRef, name: string, relation: PreparedRelation): T {
    const depth = this.#open.size;
    if (depth >= walkLimits.depth) throw tooMuch("depth");
    this.#open.set(key, depth);
    const outer = this.#cuts;
    this.#cuts = 0n;
    const found = this.#relation(resource, name, relation);
    const outcome = this.#algebra.of?.(resource, name, found) ?? found;
    this.#open.delete(key);
    const cuts = this.#cuts === 0n ? 0n : this.#close(depth, outcome);
    if (cuts === 0n || this.#algebra.isYes(outcome) || this.#algebra.isPending(outcome)) this.#known.set(key, outcome);
    else this.#provisional.set(key, { outcome, cuts });
    this.#cuts = cuts === 0n ? outer : outer | cuts;
    return outcome;
  }

  /**
   * Ends the time in which what was found below was cut off from this depth. It was taken for "no" there. Where that is what it is,
   * or where it adds nothing to what was found (a or (b and a) is a), what was found stays true as long as it does; else it must be
   * found out again. Returns what is still cut off from above.
   */
  #close(depth: number, outcome: T): bigint {
    const bit = 1n << BigInt(depth);
    const above = this.#cuts & ~bit;
    // In a tangle of circles there are many of these, looked through again at each end.
    this.#input.moment.spend?.(this.#provisional.size);
    for (const [key, { outcome: below, cuts }] of this.#provisional) {
      if ((cuts & bit) === 0n) continue;
      this.#provisional.delete(key);
      if (!this.#algebra.isNo(outcome) && below !== outcome) continue;
      const left = (cuts & ~bit) | above;
      if (left === 0n) this.#known.set(key, below);
      else this.#provisional.set(key, { outcome: below, cuts: left });
    }
    return above;
  }

  /** The ways in which the subject can be in a relation, cheapest first. */
  #relation(resource: ResourceRef, name: string, relation: PreparedRelation): T {
    const { any, isYes, isNo, no } = this.#algebra;
    let found: T[] | undefined;
    const settles = (outcome: T): boolean => {
      if (isYes(outcome)) return true;
      if (!isNo(outcome)) found = [...(found ?? []), outcome];
      return false;
    };
    for (const subject of this.#subjectsOf(relation)) {
      const outcome = this.#directly(resource, name, subject);
      if (settles(outcome)) return outcome;
    }
    if (relation.from !== undefined) {
      const outcome = this.expression(relation.from, resource);
      if (settles(outcome)) return outcome;
    }
    if (relation.sets.size > 0) {
      const outcome = this.#throughSets(resource, name, relation.sets);
      if (settles(outcome)) return outcome;
    }
    return found === undefined ? no : any(found);
  }

  /** The subjects as which the evaluated one may be in a relation directly. */
  #subjectsOf(relation: PreparedRelation): readonly SubjectRef[] {
    let subjects = this.#subjects.get(relation);
    if (subjects === undefined) {
      const { subject } = this.#input;
      subjects = [
        ...(acceptsDirectly(relation, subject) ? [subject] : []),
        ...(acceptsAnyone(relation, subject) ? [anyone] : []),
        ...(relation.role ? this.#input.roleIds.map((id) => ({ type: "role", id })) : []),
      ];
      this.#subjects.set(relation, subjects);
    }
    return subjects;
  }

  #directly(resource: ResourceRef, name: string, subject: SubjectRef): T {
    this.#count(1);
    const relationships = this.#input.reader.direct(resource, name, subject);
    if (relationships === undefined) return this.#notAtHand();
    return relationships.length === 0 ? this.#algebra.no : this.#anyOf(relationships, () => this.#algebra.yes);
  }

  #throughSets(resource: ResourceRef, name: string, sets: ReadonlySet<string>): T {
    const relationships = this.#indirect(resource, name);
    if (relationships === undefined) return this.#notAtHand();
    return this.#anyOf(relationships, ({ subject }) =>
      subject.relation !== undefined && sets.has(`${subject.type}#${subject.relation}`)
        ? this.relation(subject, subject.relation)
        : this.#algebra.no,
    );
  }

  #through(resource: ResourceRef, through: string, relation: string): T {
    const types = this.#input.policy.relation(resource.type, through)?.types;
    if (types === undefined) return this.#algebra.no;
    const relationships = this.#indirect(resource, through);
    if (relationships === undefined) return this.#notAtHand();
    return this.#anyOf(relationships, ({ subject }) =>
      subject.relation === undefined && types.has(subject.type) ? this.relation(subject, relation) : this.#algebra.no,
    );
  }

  /** Whether relationships were pending, even if the outcome is certain. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  #notAtHand(): T {
    this.#incomplete = true;
    return this.#algebra.pending;
  }

  #indirect(resource: ResourceRef, name: string): readonly Relationship[] | undefined {
    this.#count(1);
    const relationships = this.#input.reader.indirect(resource, name);
    if (relationships) this.#count(relationships.length);
    return relationships;
  }

  #anyOf(relationships: readonly Relationship[], standing: (relationship: Relationship) => T): T {
    const { all, any, isYes, isNo, no, by } = this.#algebra;
    let found: T[] | undefined;
    for (const relationship of relationships) {
      if (relationship.expiresAt != null && relationship.expiresAt <= this.#input.moment.now) continue;
      const outcome = standing(relationship);
      if (isNo(outcome)) continue;
      const conditional = relationship.condition ? all([outcome, this.#algebra.condition(relationship)]) : outcome;
      const applied = by ? by(relationship, conditional) : conditional;
      if (isYes(applied)) return applied;
      found ??= [];
      found.push(applied);
    }
    return found === undefined ? no : any(found);
  }

  #count(lookups: number): void {
    this.#lookups += lookups;
    if (this.#lookups > walkLimits.lookups) throw tooMuch("lookups");
    this.#input.moment.spend?.(lookups * stepCosts.lookup);
  }
}
