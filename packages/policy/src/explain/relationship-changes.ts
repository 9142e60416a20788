import { toEnd } from "../budget.ts";
import { traceCondition } from "../condition/compile.ts";
import { walkInput } from "../decision/decide.ts";
import { environmentOf, noRelationships, type RequestContext } from "../decision/request-context.ts";
import type { View } from "../decision/view.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import type { PreparedRelation } from "../model/prepared-relation.ts";
import { relationEffects } from "../relation/effects.ts";
import { candidates } from "../relation/reach.ts";
import {
  acceptsAnyone,
  acceptsDirectly,
  anyone,
  type Relationship,
  type RelationshipReader,
  type ResourceRef,
  type SubjectRef,
} from "../relation/relationship.ts";
import type { Change } from "./explanation.ts";

/** Candidate changes of single relationships, smallest change first. They are not verified. */
export interface RelationshipChanges {
  /** Changes that affect only this user. */
  readonly narrow: readonly Change[];
  /** Changes that also affect others: a role, a set, all users, or a resource's parent. Computed on demand. */
  wide(): readonly Change[];
  /** Relationships whose condition does not hold. */
  readonly conditional: readonly Change[];
  /** Whether the relations accept roles, so that a role may allow the action without having its permission. */
  readonly takesRoles: boolean;
}

/** The maximum number of visited relations: more than a rule over a deep folder tree needs. */
const placesMax = 400;
/** The maximum number of followed links per relation. */
const linksMax = 50;
/** The maximum number of proposed sets or parents: the first few are as good as any. */
const linkableMax = 10;

/** How a node was reached: the resource itself, a set of users, or a parent. Later ones grant more. */
type Way = 0 | 1 | 2;

interface Node {
  readonly resource: ResourceRef;
  readonly expression: RelationExpression;
  /** Whether being in the relation allows; otherwise it denies, or excludes from what allows. */
  readonly helps: boolean;
  readonly way: Way;
  readonly hops: number;
}

interface Ranked {
  readonly change: Change;
  readonly rank: readonly number[];
}

/** Possible links: those of the subject are searched only if nothing narrower suffices. */
interface Open {
  readonly node: Node;
  readonly relation: string;
  readonly find: () => readonly SubjectRef[];
}

/** Searches breadth-first from the resource along every relation that the action's rules depend on. */
export function relationshipChanges(view: View, action: string, context: RequestContext): RelationshipChanges {
  const plan = view.plan(action);
  const type = context.resource?.type ?? plan.soleType;
  const id = context.resource?.id;
  const search = new Search(view, context);
  const rule = type === undefined ? undefined : plan.rules?.get(type);
  if (rule !== undefined && type !== undefined && id !== undefined) {
    const start = { resource: { type, id }, way: 0, hops: 0 } as const;
    if (rule.deny !== undefined) search.open(start, rule.deny as RelationExpression, false);
    if (rule.allow !== undefined) search.open(start, rule.allow as RelationExpression, true);
    search.run();
  }
  return search;
}

class Search implements RelationshipChanges {
  readonly #view: View;
  readonly #context: RequestContext;
  readonly #reader: RelationshipReader;
  readonly #now: number;
  /** The user or service account. */
  readonly #subject: SubjectRef;
  readonly #roleIds: readonly string[];
  readonly #queue: Node[] = [];
  readonly #seen = new Set<string>();
  readonly #narrow: Ranked[] = [];
  readonly #wide: Ranked[] = [];
  readonly #open: Open[] = [];
  readonly conditional: Change[] = [];
  takesRoles = false;

  constructor(view: View, context: RequestContext) {
    this.#view = view;
    this.#context = context;
    this.#reader = context.relationships ?? noRelationships;
    this.#now = context.now ?? Date.now();
    this.#subject = view.subject;
    this.#roleIds = (view.facts.roles ?? []).flatMap((role) => (role ? [role.id] : []));
  }

  open(from: Pick<Node, "resource" | "way" | "hops">, expression: RelationExpression, helps: boolean): void {
    this.#queue.push({ ...from, expression, helps });
  }

  run(): void {
    for (let node = this.#queue.shift(); node !== undefined; node = this.#queue.shift()) this.#visit(node);
  }

  get narrow(): readonly Change[] {
    return sorted(this.#narrow);
  }

  wide(): readonly Change[] {
    const added = this.#open.flatMap(({ node, relation, find }) => find().map((subject) => this.#addition(node, relation, subject)));
    return sorted([...this.#wide, ...added]);
  }

  #visit(node: Node): void {
    const { expression, helps } = node;
    const again = (part: RelationExpression, sign: boolean) => this.#visit({ ...node, expression: part, helps: sign });
    if (typeof expression === "string") this.#relation(node, expression);
    else if ("through" in expression) this.#through(node, expression.through, expression.relation);
    else if ("base" in expression) {
      again(expression.base, helps);
      again(expression.except, !helps);
    } else for (const part of "any" in expression ? expression.any : expression.all) again(part, helps);
  }

  #relation(node: Node, name: string): void {
    const { resource, helps } = node;
    const relation = this.#view.policy.relation(resource.type, name);
    const key = JSON.stringify([resource.type, resource.id, name, helps]);
    if (relation === undefined || this.#seen.has(key) || this.#seen.size >= placesMax) return;
    this.#seen.add(key);
    this.takesRoles ||= relation.role;
    if (helps) this.#additions(node, name, relation);
    else this.#removals(node, name, relation);
    for (const link of relation.sets.size > 0 ? this.#links(resource, name) : []) {
      const { subject } = link;
      if (subject.relation === undefined || !relation.sets.has(`${subject.type}#${subject.relation}`)) continue;
      if (!helps) this.#wide.push(removal(node, link, 1));
      this.open({ resource: subject, way: later(node.way, 1), hops: node.hops + 1 }, subject.relation, helps);
    }
    if (relation.from !== undefined) this.#visit({ ...node, expression: relation.from });
  }

  #through(node: Node, through: string, relation: string): void {
    const { resource, helps } = node;
    const { policy } = this.#view;
    const types = [...(policy.relation(resource.type, through)?.types ?? [])].filter((type) => policy.relation(type, relation));
    if (types.length === 0) return;
    for (const link of this.#links(resource, through)) {
      const { subject } = link;
      if (subject.relation !== undefined || !types.includes(subject.type)) continue;
      if (!helps) this.#wide.push(removal(node, link, 2));
      this.open({ resource: subject, way: 2, hops: node.hops + 1 }, relation, helps);
    }
    if (helps) {
      // A resource that is its own parent is skipped.
      const isOther = ({ type, id }: ResourceRef) => type !== resource.type || id !== resource.id;
      const find = () => types.flatMap((type) => this.#within(relation, type).filter(isOther));
      this.#open.push({ node, relation: through, find });
    }
  }

  /** Additions to the relation: the subject, the members of a role, a set that contains the subject, all users. */
  #additions(node: Node, name: string, relation: PreparedRelation): void {
    const { role, sets } = relation;
    const everybody = acceptsAnyone(relation, this.#subject);
    if (acceptsDirectly(relation, this.#subject)) {
      const there = this.#direct(node.resource, name, this.#subject);
      // A conditional relationship is not proposed without its condition, which would defeat it.
      for (const relationship of there) this.#conditionOf(relationship);
      if (there.length === 0) this.#narrow.push(this.#addition(node, name, this.#subject));
    }
    const find = (): readonly SubjectRef[] => [
      ...(role ? this.#roleIds.map((id) => ({ type: "role", id })) : []),
      ...[...sets].flatMap((set) => {
        const [type, relation] = set.split("#") as [string, string];
        return this.#within(relation, type).map((found): SubjectRef => ({ ...found, relation }));
      }),
      ...(everybody ? [anyone] : []),
    ];
    if (role || everybody || sets.size > 0) this.#open.push({ node, relation: name, find });
  }

  /** Relationships that put the subject into a relation that denies or excludes. */
  #removals(node: Node, name: string, relation: PreparedRelation): void {
    const { role } = relation;
    if (acceptsDirectly(relation, this.#subject))
      for (const each of this.#direct(node.resource, name, this.#subject)) this.#narrow.push(removal(node, each, 0));
    for (const id of role ? this.#roleIds : []) {
      const found = this.#direct(node.resource, name, { type: "role", id });
      for (const each of found) this.#wide.push(removal(node, each, 1));
      const held = found.length > 0 && this.#view.facts.roles?.find((each) => each?.id === id);
      if (held) this.#wide.push({ change: { kind: "take_role", roleId: held.id, roleName: held.name }, rank: [0, node.way, node.hops, 0] });
    }
    if (acceptsAnyone(relation, this.#subject))
      for (const each of this.#direct(node.resource, name, anyone)) this.#wide.push(removal(node, each, 3));
  }

  #addition({ resource, way, hops }: Node, relation: string, subject: SubjectRef): Ranked {
    const { gives } = relationEffects(this.#view.policy, resource.type, relation);
    const breadth = breadthOf(subject);
    const { type, id } = resource;
    return {
      change: { kind: "add_relationship", resource: { type, id }, relation, subject },
      rank: [1, breadth, way, hops, gives.length],
    };
  }

  #conditionOf(relationship: Relationship): void {
    if (!relationship.condition) return;
    const condition = traceCondition(relationship.condition, environmentOf(this.#view, this.#context));
    if (condition.outcome !== "true") this.conditional.push({ kind: "meet_condition", relationship, condition });
  }

  /** Resources in whose relation the user may be; the caller verifies the link. */
  #within(relation: string, type: string): readonly ResourceRef[] {
    const environment = environmentOf(this.#view, this.#context);
    const input = { ...walkInput(this.#view, this.#reader, environment), roleIds: this.#roleIds };
    const found = orNone(() => toEnd(candidates(input, relation, type))) ?? [];
    return [...found]
      .sort()
      .slice(0, linkableMax)
      .map((id) => ({ type, id }));
  }

  #direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] {
    return this.#active(orNone(() => this.#reader.direct(resource, relation, subject)));
  }

  #links(resource: ResourceRef, relation: string): readonly Relationship[] {
    return this.#active(orNone(() => this.#reader.indirect(resource, relation))).slice(0, linksMax);
  }

  #active(relationships: readonly Relationship[] = []): readonly Relationship[] {
    return relationships.filter(({ expiresAt }) => expiresAt == null || expiresAt > this.#now);
  }
}

/** How many a relationship to the subject affects, from one user or service account (0) to all users (3). */
function breadthOf({ type, id, relation }: SubjectRef): number {
  if (type === "user") return id === "*" ? 3 : 0;
  if (type === "service") return 0;
  return type === "role" || relation ? 1 : 2;
}

const later = (one: Way, other: Way): Way => (one > other ? one : other);

/** `breadth`: who is affected, from the subject alone (0) to all users (3). */
const removal = ({ way, hops }: Node, relationship: Relationship, breadth: number): Ranked => ({
  change: { kind: "remove_relationship", relationship },
  rank: [0, breadth, way, hops],
});

function sorted(ranked: readonly Ranked[]): readonly Change[] {
  const compare = ({ rank: a }: Ranked, { rank: b }: Ranked): number => {
    const level = a.findIndex((rank, index) => rank !== (b[index] ?? 0));
    return level < 0 ? 0 : (a[level] as number) - (b[level] ?? 0);
  };
  // A relationship that is found on two paths is one change, at its shortest distance.
  const found = new Map<string, Change>();
  for (const { change } of [...ranked].sort(compare)) found.set(textOf(change), found.get(textOf(change)) ?? change);
  return [...found.values()];
}

function textOf(change: Change): string {
  const relationship =
    change.kind === "add_relationship" ? change : change.kind === "remove_relationship" ? change.relationship : undefined;
  if (relationship === undefined) return JSON.stringify(change);
  const { resource, relation, subject } = relationship;
  return JSON.stringify([change.kind, resource.type, resource.id, relation, subject.type, subject.id, subject.relation ?? null]);
}

/** Skips a proposal that exceeds the limit; the others are still returned. */
function orNone<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "evaluation_limit") return undefined;
    throw error;
  }
}
