import { type Change, type Explanation, givesAlways, type Policy, type RoleFacts, relationEffects } from "@gatehouse/policy";
import { authorityFor, type ChangeAuthority } from "./change-authority.ts";

/** The context of proposed changes: the scope and the subject. */
export interface ChangeContext {
  readonly tenantId: string | null;
  readonly isMember: boolean;
  /** Whether the subject is a service account. */
  readonly isService: boolean;
  readonly policy: Policy;
  /** The assignable roles of the scope. */
  readonly roles: readonly RoleFacts[];
  /** The subject's roles in the scope. */
  readonly subjectRoles: readonly RoleFacts[];
}

export type ExplainedChange = Change & { readonly by: ChangeAuthority & { readonly roles: readonly string[] } };

/**
 * The proposed sets of changes, the least privilege first, each change with who may make it. Those are the roles with the operation's
 * permission and every other permission that the operation requires of its caller, so that their holders are not refused.
 */
export function explainedChanges({ changes }: Explanation, context: ChangeContext): ExplainedChange[][] {
  const rights = new Rights(context.policy);
  const sets = changes.map((set) => ({ set, weight: weightOf(set, context, rights) }));
  // Equal ones stay in the engine's order.
  sets.sort((a, b) => a.weight[0] - b.weight[0] || a.weight[1] - b.weight[1]);
  return sets.map(({ set }) => set.map((change) => ({ ...change, by: authorityOf(change, context, rights) })));
}

function authorityOf(
  change: Change,
  { tenantId, isMember, isService, roles, ...context }: ChangeContext,
  rights: Rights,
): ExplainedChange["by"] {
  const by = authorityFor(change, tenantId, { isMember, isService });
  // Internal roles are not shown to an organization; the permission is enough.
  const { permission } = by;
  if (permission === null || (by.scope === "Internal" && tenantId !== null)) return { ...by, roles: [] };
  const needed = neededFor(change, { isMember, roles, ...context }, rights);
  return { ...by, roles: roles.filter((role) => rights.holds(role, [permission, ...needed])).map(({ name }) => name) };
}

type Needs = Pick<ChangeContext, "isMember" | "policy" | "roles" | "subjectRoles">;

/** The permissions that the operation requires of its caller, in addition to its own permission. */
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

/** Orders sets of changes: grants on single resources or none first, then permissions everywhere, then changes that could not be tried. */
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

/** The permissions of roles, computed once per explanation. */
class Rights {
  readonly #lineages: ReadonlyMap<string, readonly string[]>;
  readonly #about = new Map<string, readonly string[]>();
  readonly #always = new Map<string, ReadonlySet<string>>();

  constructor({ tree }: Policy) {
    this.#lineages = new Map([...tree.values()].map((value) => [value, tree.lineage(value)]));
  }

  /** Every permission that the role allows or denies, with or without a condition. */
  about(role: RoleFacts): readonly string[] {
    const known = this.#about.get(role.id);
    if (known !== undefined) return known;
    const found = [...this.#lineages].filter(([, lineage]) => role.rules.about(lineage).length > 0).map(([value]) => value);
    this.#about.set(role.id, found);
    return found;
  }

  /** Whether a user with this role only passes the delegation check for `values`: each allowed without a condition and not denied. */
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
