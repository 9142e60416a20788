import { PolicyError } from "../issues.ts";
import { issuesOfModel } from "./check-model.ts";
import type { AuthorizationModel, EffectiveRequirement, PermissionNode, PermissionRule, ResourceType } from "./model.ts";
import { type ActionFacts, Plans } from "./plans.ts";
import { type PreparedRelation, prepare } from "./prepared-relation.ts";
import type { RoleRules } from "./role.ts";
import { PermissionTree } from "./tree.ts";

/** The permission tree and the model, checked and indexed. One per installation and version of both. */
export class Policy {
  readonly tree: PermissionTree;
  readonly model: AuthorizationModel;
  readonly #types: ReadonlyMap<string, ResourceType>;
  /** The first words of permissions: S3's `Entity.Action` names a resource type without declaring it. */
  readonly #entities: ReadonlySet<string>;
  /** Which types have a rule about a permission. */
  readonly #rules = new Map<string, Map<string, PermissionRule>>();
  readonly #actions = new Map<string, ActionFacts>();
  readonly #relations = new Map<string, ReadonlyMap<string, PreparedRelation>>();
  /** By their first rules, weakly: the plans of unused rules are garbage-collected. */
  readonly #plans = new WeakMap<RoleRules, Plans[]>();
  readonly #noPlans: Plans = new Plans(this, []);

  constructor(tree: PermissionTree, model: AuthorizationModel) {
    this.tree = tree;
    this.model = model;
    this.#types = new Map(Object.entries(model.resourceTypes ?? {}));
    this.#entities = new Set([...tree.values()].map((value) => value.split(".")[0] as string));
    for (const [type, { permissions = {} }] of this.#types) {
      for (const [permission, rule] of Object.entries(permissions)) {
        const rules = this.#rules.get(permission) ?? new Map<string, PermissionRule>();
        this.#rules.set(permission, rules.set(type, rule));
      }
    }
    const isType = (name: string): boolean => this.#types.has(name);
    for (const [type, { relations = {} }] of this.#types) {
      const prepared = Object.entries(relations).map(([name, relation]) => [name, prepare(relation, isType)] as const);
      this.#relations.set(type, new Map(prepared));
    }
  }

  type(name: string): ResourceType | undefined {
    return this.#types.get(name);
  }

  /** If no type is declared at all, callers may use any type. */
  knowsType(name: string): boolean {
    return this.#types.size === 0 || this.#types.has(name) || this.#entities.has(name);
  }

  relation(type: string, name: string): PreparedRelation | undefined {
    return this.#relations.get(type)?.get(name);
  }

  /** The policy's rules for an action, independent of roles; undefined for an undefined action. */
  action(value: string): ActionFacts | undefined {
    const known = this.#actions.get(value);
    if (known !== undefined || !this.tree.has(value)) return known;
    const rules = this.#rules.get(value);
    const facts: ActionFacts = {
      requirement: this.#requirementOf(value),
      rules,
      lineage: this.tree.lineage(value),
      soleType: rules?.size === 1 ? [...rules.keys()][0] : undefined,
    };
    this.#actions.set(value, facts);
    return facts;
  }

  /** The actions on resources of a type: the permissions that it has rules about, and those that begin with its name. */
  actionsOn(type: string): readonly string[] {
    const own = Object.keys(this.#types.get(type)?.permissions ?? {});
    const named = [...this.tree.values()].filter((value) => value.startsWith(`${type}.`));
    return [...new Set([...own, ...named])].sort();
  }

  #requirementOf(action: string): EffectiveRequirement | undefined {
    const found = this.tree.lineage(action).flatMap((value) => {
      const requirement = Object.hasOwn(this.model.requirements ?? {}, value) ? this.model.requirements?.[value] : undefined;
      return requirement ? [requirement] : [];
    });
    if (found.length === 0) return undefined;
    return {
      entitlements: found.flatMap(({ entitlements = [] }) => entitlements),
      sessions: found.flatMap(({ session }) => (session ? [session] : [])),
    };
  }

  /** The plans shared by all subjects with the same rules. */
  plansOf(rules: readonly RoleRules[]): Plans {
    const first = rules[0];
    if (first === undefined) return this.#noPlans;
    const known = this.#plans.get(first) ?? [];
    const found = known.find((plans) => plans.areOf(rules));
    if (found) return found;
    const made = new Plans(this, rules);
    // Evicts the oldest: current users still reference it, and it is recreated on the next use.
    this.#plans.set(first, [...known.slice(-(combinationsMax - 1)), made]);
    return made;
  }
}

/** The maximum number of combinations that begin with the same rules, because they are searched linearly. */
const combinationsMax = 64;

/** Checks and compiles a policy. Throws `invalid_definition` with every issue and its path. */
export function compilePolicy(permissions: Iterable<PermissionNode>, model: AuthorizationModel = {}): Policy {
  const tree = new PermissionTree(permissions);
  const issues = issuesOfModel(model, tree);
  if (issues.length > 0) throw new PolicyError("invalid_definition", issues);
  return new Policy(tree, model);
}
