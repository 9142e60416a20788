import type { ActionPlan, Plans } from "../model/plans.ts";
import type { Policy } from "../model/policy.ts";
import type { RoleFacts } from "../model/role.ts";
import type { SubjectRef } from "../relation/relationship.ts";
import { type Decision, denied } from "./decision.ts";

/** A confirmed address, and what the person says of themselves: a condition on name or locale guards nothing alone. */
export interface UserProfile {
  readonly email?: string;
  readonly name?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly locale?: string;
}

/** Facts about one subject in one tenant, as a read model keeps them. `undefined` stands for a fact that is not there. */
export interface SubjectFacts {
  readonly user: {
    readonly id: string;
    /** What the subject is; absent: a user. */
    readonly kind?: "user" | "service" | undefined;
    readonly status: string | undefined;
    /** What the product itself knows of the person: address, name, locale. */
    readonly profile?: UserProfile | undefined;
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  };
  readonly tenant: {
    /** Null in the internal scope. */
    readonly id: string | null;
    /** `Active` in the internal scope, which has no organization that could be suspended. */
    readonly status: string | undefined;
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
    /** What the tenant's plan includes, by name; undefined where billing has not said it. */
    readonly entitlements?: Readonly<Record<string, unknown>> | undefined;
  };
  /** The roles of the membership; undefined without a membership. A role whose facts are not there is undefined. */
  readonly roles: readonly (RoleFacts | undefined)[] | undefined;
}

const active = "Active";
const none: readonly RoleFacts[] = [];

/** A policy and what is known of one subject in one tenant: all questions are asked of it. */
export class View {
  readonly policy: Policy;
  readonly facts: SubjectFacts;
  /** The roles that decisions are made with: none where the subject may do nothing at all. */
  readonly roles: readonly RoleFacts[];
  /** The decision about everything, where the subject may do nothing at all. */
  readonly refusal: Decision | undefined;
  readonly #plans: Plans;
  #subject: SubjectRef | undefined;
  #user: Readonly<Record<string, unknown>> | undefined;
  #tenant: Readonly<Record<string, unknown>> | undefined;

  constructor(policy: Policy, facts: SubjectFacts) {
    this.policy = policy;
    this.facts = facts;
    this.refusal = refusalOf(facts);
    this.roles = this.refusal ? none : (facts.roles as readonly RoleFacts[]);
    this.#plans = policy.plansOf(this.roles.map(({ rules }) => rules));
  }

  /** Throws `unknown_permission` for an action that nobody has defined. */
  plan(action: string): ActionPlan {
    return this.#plans.about(action);
  }

  /** The same for a question about many actions, of which few will be asked about again. */
  planOnce(action: string): ActionPlan {
    return this.#plans.once(action);
  }

  /** The subject as relationships name it. */
  get subject(): SubjectRef {
    const { kind = "user", id } = this.facts.user;
    this.#subject ??= { type: kind, id };
    return this.#subject;
  }

  /** `$user`. What the product knows itself stands above attributes of the same name. */
  get user(): Readonly<Record<string, unknown>> {
    const { attributes, profile, id } = this.facts.user;
    this.#user ??= { ...attributes, ...profile, id, roles: this.roles.map(({ name }) => name) };
    return this.#user;
  }

  /** `$tenant`. */
  get tenant(): Readonly<Record<string, unknown>> {
    const { attributes, id, status } = this.facts.tenant;
    this.#tenant ??= { ...attributes, id, status };
    return this.#tenant;
  }
}

function refusalOf({ user, tenant, roles }: SubjectFacts): Decision | undefined {
  if (roles === undefined || roles.length === 0) return denied.notAMember;
  if (user.status === undefined || tenant.status === undefined) return denied.dataUnavailable;
  if (user.status !== active) return denied.userInactive;
  if (tenant.status !== active) return denied.organizationSuspended;
  // A role that is not known might be the one that denies.
  return roles.includes(undefined) ? denied.dataUnavailable : undefined;
}
