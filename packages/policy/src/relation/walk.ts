import { PolicyError } from "../faults.ts";
import type { Relation, RelationExpression } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import type { Algebra } from "./algebra.ts";
import { anyone, type Relationship, type RelationshipReader, type ResourceRef, type SubjectRef } from "./relationship.ts";

/** Bounds of one decision (docs/hostile.md, 34). Deeper or wider is the error `evaluation_limit`. */
export const walkLimits = { depth: 40, lookups: 20_000 } as const;

export interface WalkInput {
  readonly policy: Policy;
  readonly userId: string;
  readonly roleIds: readonly string[];
  readonly reader: RelationshipReader;
  readonly now: number;
}

export const tooMuch = (what: string): PolicyError =>
  new PolicyError("evaluation_limit", [
    { field: "resource", rule: what, message: `has relationships that are too ${what === "depth" ? "deep" : "many"} to decide` },
  ]);

/** Whether one subject stands in relations of resources; remembers what it has found, for one decision. */
export class Walk<T> {
  readonly #input: WalkInput;
  readonly #algebra: Algebra<T>;
  readonly #known = new Map<string, T>();
  /** What is being worked out, by its depth: what leads back to it is cut. */
  readonly #open = new Map<string, number>();
  readonly #user: SubjectRef;
  /** The least depth that a cut led back to: what was found out below it holds only there. */
  #cut = Number.POSITIVE_INFINITY;
  #lookups = 0;

  constructor(input: WalkInput, algebra: Algebra<T>) {
    this.#input = input;
    this.#algebra = algebra;
    this.#user = { type: "user", id: input.userId };
  }

  expression(expression: RelationExpression, resource: ResourceRef): T {
    const { any, all, not } = this.#algebra;
    if (typeof expression === "string") return this.relation(resource, expression);
    if ("through" in expression) return this.#through(resource, expression.through, expression.relation);
    if ("any" in expression) return this.#first(expression.any, resource, this.#algebra.isYes, any);
    if ("all" in expression) return this.#first(expression.all, resource, this.#algebra.isNo, all);
    const base = this.expression(expression.base, resource);
    if (this.#algebra.isNo(base)) return base;
    return all([base, not(this.expression(expression.except, resource))]);
  }

  /** The parts until one settles it. After one that is not at hand the others are still asked, so that all is loaded at once. */
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
    const declared = this.#input.policy.type(resource.type)?.relations?.[name];
    if (declared === undefined) return this.#algebra.no;
    // Types and relations are names without a slash, so the key is of one resource only.
    const key = `${resource.type}/${name}/${resource.id}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const open = this.#open.get(key);
    if (open !== undefined) {
      this.#cut = Math.min(this.#cut, open);
      return this.#algebra.no;
    }
    const depth = this.#open.size;
    if (depth >= walkLimits.depth) throw tooMuch("depth");
    this.#open.set(key, depth);
    const outerCut = this.#cut;
    this.#cut = Number.POSITIVE_INFINITY;
    const found = this.#relation(resource, name, declared);
    const outcome = this.#algebra.of?.(resource, name, found) ?? found;
    this.#open.delete(key);
    // Found while something above was cut off, it may be more once that is known; what is certain stays.
    if (this.#cut >= depth || this.#algebra.isYes(outcome)) this.#known.set(key, outcome);
    this.#cut = Math.min(outerCut, this.#cut >= depth ? Number.POSITIVE_INFINITY : this.#cut);
    return outcome;
  }

  #relation(resource: ResourceRef, name: string, { subjects = [], from }: Relation): T {
    const { any, isYes, isNo, no } = this.#algebra;
    const found: T[] = [];
    for (const subject of this.#candidates(subjects)) {
      const outcome = this.#directly(resource, name, subject);
      if (isYes(outcome)) return outcome;
      if (!isNo(outcome)) found.push(outcome);
    }
    if (from !== undefined) {
      const outcome = this.expression(from, resource);
      if (isYes(outcome)) return outcome;
      found.push(outcome);
    }
    const sets = subjects.filter((subject) => subject.includes("#"));
    if (sets.length > 0) {
      const outcome = this.#throughSets(resource, name, sets);
      if (isYes(outcome)) return outcome;
      found.push(outcome);
    }
    return found.length === 0 ? no : any(found);
  }

  /** The subjects that the asking one is by himself. */
  #candidates(subjects: readonly string[]): SubjectRef[] {
    const candidates: SubjectRef[] = [];
    for (const subject of subjects) {
      if (subject === "user") candidates.push(this.#user);
      else if (subject === "user:*") candidates.push(anyone);
      else if (subject === "role") candidates.push(...this.#input.roleIds.map((id) => ({ type: "role", id })));
    }
    return candidates;
  }

  #directly(resource: ResourceRef, name: string, subject: SubjectRef): T {
    this.#count(1);
    const relationships = this.#input.reader.direct(resource, name, subject);
    if (relationships === undefined) return this.#algebra.pending;
    return this.#anyOf(relationships, () => this.#algebra.yes);
  }

  #throughSets(resource: ResourceRef, name: string, sets: readonly string[]): T {
    const relationships = this.#indirect(resource, name);
    if (relationships === undefined) return this.#algebra.pending;
    return this.#anyOf(relationships, ({ subject }) =>
      subject.relation !== undefined && sets.includes(`${subject.type}#${subject.relation}`)
        ? this.relation(subject, subject.relation)
        : this.#algebra.no,
    );
  }

  #through(resource: ResourceRef, through: string, relation: string): T {
    const declared = this.#input.policy.type(resource.type)?.relations?.[through];
    if (declared === undefined) return this.#algebra.no;
    const relationships = this.#indirect(resource, through);
    if (relationships === undefined) return this.#algebra.pending;
    return this.#anyOf(relationships, ({ subject }) =>
      subject.relation === undefined && declared.subjects?.includes(subject.type) ? this.relation(subject, relation) : this.#algebra.no,
    );
  }

  #indirect(resource: ResourceRef, name: string): readonly Relationship[] | undefined {
    this.#count(1);
    const relationships = this.#input.reader.indirect(resource, name);
    if (relationships) this.#count(relationships.length);
    return relationships;
  }

  #anyOf(relationships: readonly Relationship[], standing: (relationship: Relationship) => T): T {
    const { all, any, isYes, isNo, no, by } = this.#algebra;
    const found: T[] = [];
    for (const relationship of relationships) {
      if (relationship.expiresAt != null && relationship.expiresAt <= this.#input.now) continue;
      const outcome = standing(relationship);
      if (isNo(outcome)) continue;
      const conditional = relationship.condition ? all([outcome, this.#algebra.condition(relationship)]) : outcome;
      const applied = by ? by(relationship, conditional) : conditional;
      if (isYes(applied)) return applied;
      found.push(applied);
    }
    return found.length === 0 ? no : any(found);
  }

  #count(lookups: number): void {
    this.#lookups += lookups;
    if (this.#lookups > walkLimits.lookups) throw tooMuch("lookups");
  }
}
