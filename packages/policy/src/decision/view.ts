import type { ActionPlan, Plans } from "../model/plans.ts";
import type { Policy } from "../model/policy.ts";
import type { RoleFacts } from "../model/role.ts";
import type { SubjectRef } from "../relation/relationship.ts";
import { type Decision, denied } from "./decision.ts";

/** A verified address, and self-declared data: a condition on name or locale alone protects nothing. */
export interface UserProfile {
  readonly email?: string;
  readonly name?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly locale?: string;
}

/** Facts about one subject in one tenant, as stored in a projection. `undefined` means an absent fact. */
export interface SubjectFacts {
  readonly user: {
    readonly id: string;
    /** The kind of the subject; absent for a user. */
    readonly kind?: "user" | "service" | undefined;
    readonly status: string | undefined;
    /** The person's profile: address, name, locale. */
    readonly profile?: UserProfile | undefined;
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  };
  readonly tenant: {
    /** Null in the internal scope. */
    readonly id: string | null;
    /** `Active` in the internal scope, which has no organization to suspend. */
    readonly status: string | undefined;
    readonly attributes?: Readonly<Record<string, unknown>> | undefined;
    /** The entitlements of the tenant's plan by name; undefined if billing has not reported them. */
    readonly entitlements?: Readonly<Record<string, unknown>> | undefined;
  };
  /** The roles of the membership; undefined without a membership. A role whose facts are absent is undefined. */
  readonly roles: readonly (RoleFacts | undefined)[] | undefined;
}

const active = "Active";
const none: readonly RoleFacts[] = [];

/** A policy and the facts about one subject in one tenant: the input of all evaluations. */
export class View {
  readonly policy: Policy;
  readonly facts: SubjectFacts;
  /** The roles that decisions use: none if the subject is denied everything. */
  readonly roles: readonly RoleFacts[];
  /** The decision on every action, if the subject is denied everything. */
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

  /** The plan of an action. Throws `unknown_permission` for an undefined action. */
  plan(action: string): ActionPlan {
    return this.#plans.about(action);
  }

  /** The same without caching, for an evaluation of many actions that are rarely repeated. */
  planOnce(action: string): ActionPlan {
    return this.#plans.once(action);
  }

  /** The subject as relationships name it. */
  get subject(): SubjectRef {
    const { kind = "user", id } = this.facts.user;
    this.#subject ??= { type: kind, id };
    return this.#subject;
  }

  /** `$user`. The product's own data overrides attributes of the same name. */
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
  // An unknown role might deny.
  return roles.includes(undefined) ? denied.dataUnavailable : undefined;
}
