import { type Change, isIndirect, type Relationship, type ResourceRef, type SubjectRef } from "../../../packages/policy/src/index.ts";
import type { Case, CorpusFile } from "./corpus.ts";
import type { Question, Role, Subject, World } from "./world.ts";

/** A question and its world. */
export interface Evaluation {
  readonly world: World;
  readonly question: Question;
}

/** The single grants and revocations that a person could make; the proposals of the engine have the same form. */
export type Single = Extract<Change, { kind: "add_relationship" | "remove_relationship" | "give_role" | "take_role" }>;

const isSame = (a: Pick<Relationship, "resource" | "relation" | "subject">, b: Pick<Relationship, "resource" | "relation" | "subject">) =>
  keyOf(a) === keyOf(b);

export const keyOf = ({ resource, relation, subject }: Pick<Relationship, "resource" | "relation" | "subject">): string =>
  JSON.stringify([resource.type, resource.id, relation, subject.type, subject.id, subject.relation ?? null]);

/** The world after a change, made in the plain data and not in the engine. */
export function afterChange({ world, question }: Evaluation, change: Change, roles: ReadonlyMap<string, Role>): Evaluation {
  const { subject } = question;
  const ofSubject = (changed: Partial<Subject>): Evaluation => ({ world, question: { ...question, subject: { ...subject, ...changed } } });
  const withRoles = (held: (role: Role | undefined) => Role | undefined): Evaluation => ofSubject({ roles: subject.roles?.map(held) });
  const inWorld = (relationships: readonly Relationship[]): Evaluation => ({ world: { ...world, relationships }, question });
  switch (change.kind) {
    case "add_relationship":
      return inWorld([...world.relationships, change]);
    case "remove_relationship":
      return inWorld(world.relationships.filter((each) => !isSame(each, change.relationship)));
    case "give_role":
      return ofSubject({ roles: [...(subject.roles ?? []), roles.get(change.roleId)] });
    case "take_role":
      return ofSubject({ roles: subject.roles?.filter((role) => role?.id !== change.roleId) });
    case "add_permission":
      return withRoles((role) => (role?.id === change.roleId ? giving(role, change.permission) : role));
    case "activate_user":
      return ofSubject({ user: { ...subject.user, status: "Active" } });
    case "activate_tenant":
      return ofSubject({ tenant: { ...subject.tenant, status: "Active" } });
    case "widen_scopes":
      return { world, question: { ...question, scopes: [...(question.scopes ?? []), change.permission] } };
    case "stronger_session": {
      const had = (question.session?.["methods"] ?? []) as readonly string[];
      const methods = [...had, ...change.rules.flatMap(({ anyMethod = [] }) => anyMethod.slice(0, 1))];
      return { world, question: { ...question, session: { ...question.session, authenticatedAt: question.now, methods } } };
    }
    case "entitlement": {
      const value = change.needs === "feature" ? true : (change.above ?? 0) + 1;
      return ofSubject({ tenant: { ...subject.tenant, entitlements: { ...subject.tenant.entitlements, [change.name]: value } } });
    }
    case "meet_condition":
      // As if it held: the rule or the relationship without its condition.
      if (!("relationship" in change)) return withRoles((role) => (role?.id === change.roleId ? giving(role, question.action) : role));
      return inWorld(world.relationships.map((each) => (isSame(each, change.relationship) ? { ...each, condition: null } : each)));
  }
}

const giving = (role: Role, permission: string): Role => ({ ...role, rules: [...role.rules, { permission, effect: "allow" }] });

/** Every single grant and revocation that can be made in the world of a question, whether or not it has to do with it. */
export function singlesOf({ world, question }: Evaluation, roles: ReadonlyMap<string, Role>): Single[] {
  const { user, roles: held = [] } = question.subject;
  const own = user.kind ?? "user";
  const { relationships, model } = world;
  const heldIds = held.flatMap((role) => (role ? [role.id] : []));
  const active = relationships.filter(({ expiresAt }) => expiresAt == null || expiresAt > question.now);
  const there = new Set(active.map(keyOf));
  const { type = soleTypeOf(world, question.action), id } = question.resource ?? {};
  const resources = near(relationships, [...(type === undefined || id === undefined ? [] : [{ type, id }]), { type: own, id: user.id }]);
  const subjectsOf = (kind: string): SubjectRef[] => {
    if (kind === "user" || kind === "service") return [{ type: kind, id: user.id }];
    if (kind === "user:*") return [{ type: "user", id: "*" }];
    if (kind === "role") return heldIds.map((roleId) => ({ type: "role", id: roleId }));
    const [subjectType, relation] = kind.split("#") as [string, string | undefined];
    return resources
      .filter((each) => each.type === subjectType)
      .map((each) => ({ ...each, ...(relation === undefined ? {} : { relation }) }));
  };
  const added = resources.flatMap((resource) =>
    Object.entries(model.resourceTypes?.[resource.type]?.relations ?? {}).flatMap(([relation, { subjects = [] }]) =>
      subjects
        .flatMap(subjectsOf)
        .map((subject) => ({ kind: "add_relationship", resource, relation, subject }) as const)
        // A resource that is its own parent says nothing.
        .filter(({ subject }) => subject.relation !== undefined || keyOfRef(subject) !== keyOfRef(resource))
        .filter((change) => !there.has(keyOf(change))),
    ),
  );
  return [
    ...active.map((relationship): Single => ({ kind: "remove_relationship", relationship })),
    ...added,
    ...[...roles.values()]
      .filter((role) => !heldIds.includes(role.id))
      .map((role): Single => ({ kind: "give_role", roleId: role.id, roleName: role.name })),
    ...held.flatMap((role): Single[] => (role ? [{ kind: "take_role", roleId: role.id, roleName: role.name }] : [])),
  ];
}

const keyOfRef = ({ type, id }: ResourceRef): string => JSON.stringify([type, id]);

/** More resources than this are far from anything that a single change would do. */
const resourcesMax = 20;

/** The resources that relationships lead to, forwards or backwards, the nearest first; then the others. */
function near(relationships: readonly Relationship[], from: readonly ResourceRef[]): ResourceRef[] {
  const found = new Map(from.map((each) => [keyOfRef(each), each]));
  const add = (each: ResourceRef) => found.set(keyOfRef(each), found.get(keyOfRef(each)) ?? { type: each.type, id: each.id });
  for (let size = 0; size < found.size && found.size < 3 * resourcesMax; ) {
    size = found.size;
    for (const { resource, subject } of relationships) {
      if (found.has(keyOfRef(resource)) || found.has(keyOfRef(subject))) for (const each of [resource, subject]) add(each);
    }
  }
  for (const { resource, subject } of relationships.slice(0, resourcesMax)) for (const each of [resource, subject]) add(each);
  return [...found.values()].filter(isIndirect).slice(0, resourcesMax);
}

function soleTypeOf({ model }: World, action: string): string | undefined {
  const types = Object.entries(model.resourceTypes ?? {}).filter(([, { permissions = {} }]) => Object.hasOwn(permissions, action));
  return types.length === 1 ? types[0]?.[0] : undefined;
}

/** Whether a grant or revocation concerns the user of the question alone. */
export function isOfUserAlone(change: Single, { subject: { user } }: Question): boolean {
  if (change.kind === "give_role" || change.kind === "take_role") return false;
  const { subject } = change.kind === "add_relationship" ? change : change.relationship;
  return subject.type === (user.kind ?? "user") && subject.id === user.id;
}

export const rolesOf = ({ subjects }: CorpusFile): ReadonlyMap<string, Role> =>
  new Map([...subjects.values()].flatMap(({ roles = [] }) => roles.flatMap((role) => (role ? [[role.id, role] as const] : []))));

export const isDenial = ({ expect }: Case): boolean => "allowed" in expect && !expect.allowed;
