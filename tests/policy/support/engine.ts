import {
  compilePolicy,
  compileRules,
  decide,
  type Pending,
  type Policy,
  PolicyError,
  pendingDecision,
  type Relationship,
  RelationshipIndex,
  type RelationshipReader,
  type RequestContext,
  type ResourceRef,
  type RoleFacts,
  type SubjectRef,
  View,
  walkLimits,
} from "../../../packages/policy/src/index.ts";
import type { Answer, Question, Role, Subject, World } from "./world.ts";

/** What the engine makes of a world. Roles are prepared once, as they are shared by all who hold them. */
export class Engine {
  readonly policy: Policy;
  readonly relationships: RelationshipIndex;
  readonly #roles = new Map<Role, RoleFacts>();

  /** Throws PolicyError for a model that is refused. */
  constructor({ permissions, model, relationships }: World) {
    this.policy = compilePolicy(permissions, model);
    this.relationships = new RelationshipIndex(relationships);
  }

  view({ user, tenant, roles }: Subject): View {
    return new View(this.policy, { user, tenant, roles: roles?.map((role) => role && this.#roleFacts(role)) });
  }

  context({ resource, request, session, scopes, now }: Question): RequestContext {
    return { resource, request, session, scopes: scopes && new Set(scopes), now, relationships: this.relationships };
  }

  #roleFacts(role: Role): RoleFacts {
    const { id, name, rules } = role;
    const facts = this.#roles.get(role) ?? { id, name, rules: compileRules(rules) };
    this.#roles.set(role, facts);
    return facts;
  }
}

/** Decides with everything at hand. */
export const decideDirectly = (view: View, action: string, context: RequestContext): Answer =>
  answerOf(() => atOnce(decide(view, action, context)));

/** Decides as a process without caches does: nothing is at hand at first, and only requested data is loaded. */
export const decideInRounds = (view: View, action: string, context: RequestContext): Answer =>
  answerOf(() => inRounds(context, (known) => decide(view, action, known)));

/** The decision with all data at hand. */
export function atOnce<T>(answer: T | Pending): T {
  if (answer === pendingDecision) throw new Error("pending although every relationship is at hand");
  return answer as T;
}

/** Decides, loads the requested data, and decides again. */
export function inRounds<T>(context: RequestContext, ask: (known: RequestContext) => T | Pending): T {
  const reader = new RelationshipsInRounds(context.relationships as RelationshipReader);
  // One round a step at most, there and (for a filter, which looks for candidates first) back.
  for (let round = 0; round <= 2 * (walkLimits.depth + 1); round++) {
    const answer = ask({ ...context, relationships: reader });
    if (answer !== pendingDecision) return answer as T;
    if (reader.load() === 0) throw new Error("pending although everything that was asked for is at hand");
  }
  throw new Error("more rounds than a path can have steps");
}

/** What the engine decided, or the error that it threw. */
export function answerOf(ask: () => { readonly allowed: boolean; readonly reason: string }): Answer {
  try {
    const { allowed, reason } = ask();
    return { allowed, reason };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { error: error.code, fields: [...new Set(error.issues.map(({ field }) => field))].sort() };
  }
}

type Answers = readonly Relationship[];

/** Answers "not at hand" until the requested data is loaded. */
class RelationshipsInRounds implements RelationshipReader {
  readonly #stored: RelationshipReader;
  readonly #atHand = new Map<string, Answers>();
  readonly #requested = new Map<string, () => Answers>();

  constructor(stored: RelationshipReader) {
    this.#stored = stored;
  }

  /** How many look-ups were loaded. */
  load(): number {
    const count = this.#requested.size;
    for (const [key, read] of this.#requested) this.#atHand.set(key, read());
    this.#requested.clear();
    return count;
  }

  direct(resource: ResourceRef, relation: string, subject: SubjectRef): Answers | undefined {
    return this.#answer(["direct", resource.type, resource.id, relation, subject.type, subject.id, subject.relation ?? null], () =>
      this.#stored.direct(resource, relation, subject),
    );
  }

  indirect(resource: ResourceRef, relation: string): Answers | undefined {
    return this.#answer(["indirect", resource.type, resource.id, relation], () => this.#stored.indirect(resource, relation));
  }

  reverse(subject: SubjectRef, type: string, relation: string): Answers | undefined {
    return this.#answer(["reverse", subject.type, subject.id, subject.relation ?? null, type, relation], () =>
      this.#stored.reverse(subject, type, relation),
    );
  }

  #answer(question: readonly (string | null)[], read: () => Answers | undefined): Answers | undefined {
    const key = JSON.stringify(question);
    const atHand = this.#atHand.get(key);
    if (atHand === undefined) this.#requested.set(key, () => read() ?? []);
    return atHand;
  }
}
