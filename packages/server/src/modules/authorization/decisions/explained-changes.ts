import { type Change, type Explanation, givesAlways, type Policy, type RoleFacts, relationEffects } from "@gatehouse/policy";
import { authorityFor, type ChangeAuthority } from "./change-authority.ts";

/** What a change is judged by: the scope that it is made in, and whom it is about. */
export interface ChangeContext {
  readonly tenantId: string | null;
  readonly isMember: boolean;
  readonly policy: Policy;
  /** Roles of the scope that somebody may hold. */
  readonly roles: readonly RoleFacts[];
  /** Roles that the subject holds there. */
  readonly subjectRoles: readonly RoleFacts[];
}

export type ExplainedChange = Change & { readonly by: ChangeAuthority & { readonly roles: readonly string[] } };

/**
 * The proposed sets of changes, those that give the least first, each change with who may make it: the roles that hold the operation's
 * permission and everything that the operation asks of its caller beside it, so that nobody is sent to somebody who would be refused.
 */
export function explainedChanges({ changes }: Explanation, context: ChangeContext): ExplainedChange[][] {
  const rights = new Rights(context.policy);
  const sets = changes.map((set) => ({ set, weight: weightOf(set, context, rights) }));
  // Equal ones stay as the engine has them.
  sets.sort((a, b) => a.weight[0] - b.weight[0] || a.weight[1] - b.weight[1]);
  return sets.map(({ set }) => set.map((change) => ({ ...change, by: authorityOf(change, context, rights) })));
}

function authorityOf(change: Change, { tenantId, isMember, roles, ...context }: ChangeContext, rights: Rights): ExplainedChange["by"] {
  const by = authorityFor(change, tenantId, isMember);
  // Internal roles are not shown to an organization; their permission says enough.
  const { permission } = by;
  if (permission === null || (by.scope === "Internal" && tenantId !== null)) return { ...by, roles: [] };
  const needed = neededFor(change, { isMember, roles, ...context }, rights);
  return { ...by, roles: roles.filter((role) => rights.holds(role, [permission, ...needed])).map(({ name }) => name) };
}

type Needs = Pick<ChangeContext, "isMember" | "policy" | "roles" | "subjectRoles">;

/** What the operation that makes the change asks its caller to hold, beside its own permission. */
function neededFor(change: Change, { isMember, policy, roles, subjectRoles }: Needs, rights: Rights): readonly string[] {
  const ofSubject = () => subjectRoles.flatMap((role) => rights.about(role));
  switch (change.kind) {
    case "give_role": {
      const role = roles.find(({ id }) => id === change.roleId);
      return [...(role ? rights.about(role) : []), ...(isMember ? ofSubject() : [])];
    }
    case "take_role":
    case "activate_user":
      return ofSubject();
    case "add_permission":
      return [change.permission];
    case "add_relationship":
      return relationEffects(policy, change.resource.type, change.relation).gives;
    case "remove_relationship":
      return relationEffects(policy, change.relationship.resource.type, change.relationship.relation).takes;
    default:
      return [];
  }
}

/** How far a set of changes goes: single resources or nothing given, then rights everywhere, then what could not be tried. */
type Weight = readonly [kind: number, permissions: number];

function weightOf(set: readonly Change[], { policy, roles }: ChangeContext, rights: Rights): Weight {
  let kind = 0;
  let permissions = 0;
  for (const change of set) {
    const [of, given] = weightOfOne(change, policy, roles, rights);
    kind = Math.max(kind, of);
    permissions += given;
  }
  return [kind, permissions];
}

function weightOfOne(change: Change, policy: Policy, roles: readonly RoleFacts[], rights: Rights): Weight {
  switch (change.kind) {
    case "add_relationship":
      return [0, relationEffects(policy, change.resource.type, change.relation).gives.length];
    case "remove_relationship":
      return [0, relationEffects(policy, change.relationship.resource.type, change.relationship.relation).takes.length];
    case "give_role": {
      const role = roles.find(({ id }) => id === change.roleId);
      return [1, role ? rights.about(role).length : 0];
    }
    case "add_permission":
      return [1, policy.tree.below([change.permission]).size];
    case "meet_condition":
      return [2, 0];
    default:
      return [0, 0];
  }
}

/** What roles hold, worked out once for an explanation. */
class Rights {
  readonly #lineages: ReadonlyMap<string, readonly string[]>;
  readonly #about = new Map<string, readonly string[]>();
  readonly #always = new Map<string, ReadonlySet<string>>();

  constructor({ tree }: Policy) {
    this.#lineages = new Map([...tree.values()].map((value) => [value, tree.lineage(value)]));
  }

  /** Every permission that the role gives or takes, under conditions too. */
  about(role: RoleFacts): readonly string[] {
    const known = this.#about.get(role.id);
    if (known !== undefined) return known;
    const found = [...this.#lineages].filter(([, lineage]) => role.rules.about(lineage).length > 0).map(([value]) => value);
    this.#about.set(role.id, found);
    return found;
  }

  /** Whether whoever holds the role, and no other, holds each of `values` for delegation: without a condition and without a denial. */
  holds(role: RoleFacts, values: readonly string[]): boolean {
    let always = this.#always.get(role.id);
    if (always === undefined) {
      always = new Set([...this.#lineages].filter(([, lineage]) => givesWithoutDenial(role, lineage)).map(([value]) => value));
      this.#always.set(role.id, always);
    }
    return values.every((value) => always.has(value));
  }
}

const givesWithoutDenial = ({ rules }: RoleFacts, lineage: readonly string[]): boolean =>
  givesAlways(rules, lineage) && !rules.about(lineage).some(({ effect }) => effect === "deny");
