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
  anyone,
  type Relationship,
  type RelationshipReader,
  type ResourceRef,
  type SubjectRef,
  takesDirectly,
  takesEverybody,
} from "../relation/relationship.ts";
import type { Change } from "./explanation.ts";

/** Changes of single relationships, those that change least first. None of them has been tried. */
export interface RelationshipChanges {
  /** They concern this user alone. */
  readonly narrow: readonly Change[];
  /** They concern others too: a role, a set, everybody, or where a resource belongs. Looked for when they are asked for. */
  wide(): readonly Change[];
  /** Relationships that apply under a condition that does not hold. */
  readonly conditional: readonly Change[];
  /** Whether the relations take roles, so that a role may give the action without holding its permission. */
  readonly takesRoles: boolean;
}

/** Relations of resources that are looked at: more than a rule over a deep tree of folders has. */
const placesMax = 400;
/** Links of one relation that are followed. */
const linksMax = 50;
/** Sets or parents that might be linked: the first few are as good as any. */
const linkableMax = 10;

/** How a place was come to: on the resource itself, over a set of users, or over a parent. Later ones give more. */
type Way = 0 | 1 | 2;

interface Place {
  readonly resource: ResourceRef;
  readonly expression: RelationExpression;
  /** Whether standing there allows; else it denies, or excludes from what allows. */
  readonly helps: boolean;
  readonly way: Way;
  readonly hops: number;
}

interface Ranked {
  readonly change: Change;
  readonly rank: readonly number[];
}

/** What could be linked: the subject is looked for only when nothing narrower will do. */
interface Open {
  readonly place: Place;
  readonly relation: string;
  readonly find: () => readonly SubjectRef[];
}

/** Looks from the resource along every relation that the rules about the action depend on, the nearest first. */
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
  readonly #queue: Place[] = [];
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

  open(from: Pick<Place, "resource" | "way" | "hops">, expression: RelationExpression, helps: boolean): void {
    this.#queue.push({ ...from, expression, helps });
  }

  run(): void {
    for (let place = this.#queue.shift(); place !== undefined; place = this.#queue.shift()) this.#visit(place);
  }

  get narrow(): readonly Change[] {
    return sorted(this.#narrow);
  }

  wide(): readonly Change[] {
    const added = this.#open.flatMap(({ place, relation, find }) => find().map((subject) => this.#addition(place, relation, subject)));
    return sorted([...this.#wide, ...added]);
  }

  #visit(place: Place): void {
    const { expression, helps } = place;
    const again = (part: RelationExpression, sign: boolean) => this.#visit({ ...place, expression: part, helps: sign });
    if (typeof expression === "string") this.#relation(place, expression);
    else if ("through" in expression) this.#through(place, expression.through, expression.relation);
    else if ("base" in expression) {
      again(expression.base, helps);
      again(expression.except, !helps);
    } else for (const part of "any" in expression ? expression.any : expression.all) again(part, helps);
  }

  #relation(place: Place, name: string): void {
    const { resource, helps } = place;
    const relation = this.#view.policy.relation(resource.type, name);
    const key = JSON.stringify([resource.type, resource.id, name, helps]);
    if (relation === undefined || this.#seen.has(key) || this.#seen.size >= placesMax) return;
    this.#seen.add(key);
    this.takesRoles ||= relation.role;
    if (helps) this.#additions(place, name, relation);
    else this.#removals(place, name, relation);
    for (const link of relation.sets.size > 0 ? this.#links(resource, name) : []) {
      const { subject } = link;
      if (subject.relation === undefined || !relation.sets.has(`${subject.type}#${subject.relation}`)) continue;
      if (!helps) this.#wide.push(removal(place, link, 1));
      this.open({ resource: subject, way: later(place.way, 1), hops: place.hops + 1 }, subject.relation, helps);
    }
    if (relation.from !== undefined) this.#visit({ ...place, expression: relation.from });
  }

  #through(place: Place, through: string, relation: string): void {
    const { resource, helps } = place;
    const { policy } = this.#view;
    const types = [...(policy.relation(resource.type, through)?.types ?? [])].filter((type) => policy.relation(type, relation));
    if (types.length === 0) return;
    for (const link of this.#links(resource, through)) {
      const { subject } = link;
      if (subject.relation !== undefined || !types.includes(subject.type)) continue;
      if (!helps) this.#wide.push(removal(place, link, 2));
      this.open({ resource: subject, way: 2, hops: place.hops + 1 }, relation, helps);
    }
    if (helps) {
      // A resource that is its own parent says nothing.
      const isOther = ({ type, id }: ResourceRef) => type !== resource.type || id !== resource.id;
      const find = () => types.flatMap((type) => this.#within(relation, type).filter(isOther));
      this.#open.push({ place, relation: through, find });
    }
  }

  /** Ways into the relation: for the user, for those who hold a role, for a set that the user is in, for everybody. */
  #additions(place: Place, name: string, relation: PreparedRelation): void {
    const { role, sets } = relation;
    const everybody = takesEverybody(relation, this.#subject);
    if (takesDirectly(relation, this.#subject)) {
      const there = this.#direct(place.resource, name, this.#subject);
      // What was given under a condition is not given without: that would undo the condition.
      for (const relationship of there) this.#conditionOf(relationship);
      if (there.length === 0) this.#narrow.push(this.#addition(place, name, this.#subject));
    }
    const find = (): readonly SubjectRef[] => [
      ...(role ? this.#roleIds.map((id) => ({ type: "role", id })) : []),
      ...[...sets].flatMap((set) => {
        const [type, relation] = set.split("#") as [string, string];
        return this.#within(relation, type).map((found): SubjectRef => ({ ...found, relation }));
      }),
      ...(everybody ? [anyone] : []),
    ];
    if (role || everybody || sets.size > 0) this.#open.push({ place, relation: name, find });
  }

  /** What puts the user into a relation that denies or excludes. */
  #removals(place: Place, name: string, relation: PreparedRelation): void {
    const { role } = relation;
    if (takesDirectly(relation, this.#subject))
      for (const each of this.#direct(place.resource, name, this.#subject)) this.#narrow.push(removal(place, each, 0));
    for (const id of role ? this.#roleIds : []) {
      const found = this.#direct(place.resource, name, { type: "role", id });
      for (const each of found) this.#wide.push(removal(place, each, 1));
      const held = found.length > 0 && this.#view.facts.roles?.find((each) => each?.id === id);
      if (held)
        this.#wide.push({ change: { kind: "take_role", roleId: held.id, roleName: held.name }, rank: [0, place.way, place.hops, 0] });
    }
    if (takesEverybody(relation, this.#subject))
      for (const each of this.#direct(place.resource, name, anyone)) this.#wide.push(removal(place, each, 3));
  }

  #addition({ resource, way, hops }: Place, relation: string, subject: SubjectRef): Ranked {
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

  /** Resources in whose relation the user seems to stand; whoever links them tries it. */
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

/** Whom a relationship to the subject concerns, from one user or service account (0) to everybody (3). */
function breadthOf({ type, id, relation }: SubjectRef): number {
  if (type === "user") return id === "*" ? 3 : 0;
  if (type === "service") return 0;
  return type === "role" || relation ? 1 : 2;
}

const later = (one: Way, other: Way): Way => (one > other ? one : other);

/** `breadth`: whom it concerns, from the user alone (0) to everybody (3). */
const removal = ({ way, hops }: Place, relationship: Relationship, breadth: number): Ranked => ({
  change: { kind: "remove_relationship", relationship },
  rank: [0, breadth, way, hops],
});

function sorted(ranked: readonly Ranked[]): readonly Change[] {
  const compare = ({ rank: a }: Ranked, { rank: b }: Ranked): number => {
    const place = a.findIndex((part, index) => part !== (b[index] ?? 0));
    return place < 0 ? 0 : (a[place] as number) - (b[place] ?? 0);
  };
  // A relationship that is come to on two ways is one change; it counts where it is nearest.
  const found = new Map<string, Change>();
  for (const { change } of [...ranked].sort(compare)) found.set(textOf(change), found.get(textOf(change)) ?? change);
  return [...found.values()];
}

function textOf(change: Change): string {
  const told = change.kind === "add_relationship" ? change : change.kind === "remove_relationship" ? change.relationship : undefined;
  if (told === undefined) return JSON.stringify(change);
  const { resource, relation, subject } = told;
  return JSON.stringify([change.kind, resource.type, resource.id, relation, subject.type, subject.id, subject.relation ?? null]);
}

/** What is too much to look at proposes nothing, and the rest is still told. */
function orNone<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "evaluation_limit") return undefined;
    throw error;
  }
}
