import { invalidPlaceholders } from "../condition/compile.ts";
import type { Condition, Environment } from "../condition/condition.ts";
import { timeOf } from "../condition/time.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression, SessionRule } from "../model/model.ts";
import type { ActionPlan, PlannedRule } from "../model/plans.ts";
import type { RoleFacts } from "../model/role.ts";
import { truths } from "../relation/truths.ts";
import { Walk, type WalkInput } from "../relation/walk.ts";
import { allOf, invalid, no, notOf, pending, type Truth, yes } from "../truth.ts";
import { allowedByGrant, type Decision, denied, type Pending, pendingDecision } from "./decision.ts";
import { issueOfLimit, meets } from "./entitlements.ts";
import { environmentOf, noRelationships, type RequestContext } from "./request-context.ts";
import type { View } from "./view.ts";

const emptyContext: RequestContext = {};
/** Limits reported issues: thousands of relationships may have a condition with a missing value. */
const issuesMax = 50;

/**
 * Decides whether the subject may perform `action` in a request context; the rules are decision 0019.
 *
 * Returns `pendingDecision` while the reader lacks required relationships: load the requested ones
 * and decide again. Throws {@link PolicyError}: `unknown_permission`, `unknown_resource_type`, `invalid_input` with the
 * placeholders that are missing or of the wrong type, `evaluation_limit`.
 */
export function decide(view: View, action: string, context: RequestContext = emptyContext): Decision | Pending {
  const plan = view.plan(action);
  const type = context.resource?.type;
  if (type !== undefined && !view.policy.knowsType(type)) throw unknownType();
  if (view.refusal !== undefined) return view.refusal;
  if (context.scopes === undefined && context.callerScopes === undefined) {
    if (plan.always !== undefined) return "reason" in plan.always ? plan.always : decisionBy(plan.always, view);
    if (plan.plain) return decideByConditions(view, plan, context);
  }
  return new Deciding(view, plan, context).decide();
}

/** The decision when it is this rule that decides. */
const decisionBy = ({ effect, place }: PlannedRule, { roles }: View): Decision => {
  const role = roles[place] as RoleFacts;
  return effect === "allow" ? { allowed: true, reason: "role", role } : { allowed: false, reason: "explicit_deny", role };
};

/** A fast path for the usual case, in which only conditions of roles remain. */
function decideByConditions(view: View, plan: ActionPlan, context: RequestContext): Decision | Pending {
  const environment = environmentOf(view, context);
  let invalidSeen = false;
  for (const rule of plan.allowing) {
    const truth = rule.holds === undefined ? yes : rule.holds(environment);
    if (truth === yes) return decisionBy(rule, view);
    if (truth === invalid) invalidSeen = true;
  }
  // The slow path reports what was invalid.
  return invalidSeen ? new Deciding(view, plan, context).decide() : denied.condition;
}

export const unknownType = (): PolicyError =>
  new PolicyError("unknown_resource_type", [
    { field: "resource.type", rule: "defined", message: "is neither declared nor the first word of a permission" },
  ]);

/** A decision that needs more than a look-up. */
class Deciding {
  readonly #view: View;
  readonly #plan: ActionPlan;
  readonly #context: RequestContext;
  #incomplete = false;
  readonly #invalid = { allow: [] as Condition[], deny: [] as Condition[] };
  #environment: Environment | undefined;

  constructor(view: View, plan: ActionPlan, context: RequestContext) {
    this.#view = view;
    this.#plan = plan;
    this.#context = context;
  }

  decide(): Decision | Pending {
    const { requirement } = this.#plan;
    if (!withinScopes(this.#plan, this.#context)) return denied.keyScope;
    if (requirement && !requirement.sessions.every((rule) => isStrongEnough(rule, this.#context))) return denied.sessionStrength;
    const deny = this.#deny();
    if (typeof deny !== "number") return deny;
    const allow = this.#allow();
    const mayAllow = typeof allow === "number" ? allow : yes;
    if (deny === pending || mayAllow === pending) return pendingDecision;
    if (mayAllow === no) return this.#plan.allowing.length > 0 ? denied.condition : denied.missingPermission;
    const entitled = this.#entitled();
    if (typeof entitled !== "number") return entitled;
    if (allOf([notOf(deny), mayAllow, entitled]) !== yes) {
      // The reported missing values must not depend on which relationships were loaded.
      if (this.#incomplete) return pendingDecision;
      throw this.#invalidInput(deny, mayAllow);
    }
    return typeof allow === "number" ? allowedByGrant : allow;
  }

  /** The decision if a rule certainly denies. */
  #deny(): Decision | Truth {
    const byRole = this.#byRole(this.#plan.denying, this.#invalid.deny);
    if (typeof byRole !== "number") return byRole;
    const byRelation = this.#byRelation("deny");
    if (byRelation === yes) return denied.explicitly;
    return byRelation > byRole ? byRelation : byRole;
  }

  /** The decision if a role certainly allows. */
  #allow(): Decision | Truth {
    const byRole = this.#byRole(this.#plan.allowing, this.#invalid.allow);
    if (typeof byRole !== "number") return byRole;
    const byRelation = this.#byRelation("allow");
    return byRelation === yes || byRelation > byRole ? byRelation : byRole;
  }

  #byRole(rules: readonly PlannedRule[], invalidOnes: Condition[]): Decision | Truth {
    let outcome: Truth = no;
    for (const rule of rules) {
      const { condition, holds } = rule;
      if (condition === undefined || holds === undefined) return decisionBy(rule, this.#view);
      const truth = holds(this.environment);
      if (truth === yes) return decisionBy(rule, this.#view);
      if (truth === invalid) {
        invalidOnes.push(condition);
        outcome = invalid;
      }
    }
    return outcome;
  }

  #byRelation(effect: "allow" | "deny"): Truth {
    const { resource, relationships = noRelationships } = this.#context;
    const type = resource?.type ?? this.#plan.soleType;
    const expression = type === undefined ? undefined : this.#plan.rules?.get(type)?.[effect];
    if (expression === undefined || type === undefined || resource?.id === undefined) return no;
    const invalidConditions: Condition[] = [];
    const walk = new Walk(
      walkInput(this.#view, relationships, this.environment),
      truths(
        () => this.environment,
        (condition) => invalidConditions.push(condition),
      ),
    );
    const outcome = walk.expression(expression as RelationExpression, { type, id: resource.id });
    if (walk.incomplete) this.#incomplete = true;
    // If the relations' outcome is certain anyway, these conditions do not matter.
    if (outcome === invalid) this.#invalid[effect].push(...invalidConditions);
    return outcome;
  }

  #entitled(): Decision | Truth {
    const rules = this.#plan.requirement?.entitlements ?? [];
    if (rules.length === 0) return yes;
    const { entitlements } = this.#view.facts.tenant;
    if (entitlements === undefined) return denied.entitlementDataUnavailable;
    const met = allOf(rules.map((rule) => meets(rule, entitlements, () => this.environment)));
    return met === no ? denied.entitlement : met;
  }

  get environment(): Environment {
    this.#environment ??= environmentOf(this.#view, this.#context);
    return this.#environment;
  }

  /** The issues of rules whose outcome is invalid; rules with a certain outcome are left out. */
  #invalidInput(deny: Truth, allow: Truth): PolicyError {
    const all = new Set([...(deny === invalid ? this.#invalid.deny : []), ...(allow === invalid ? this.#invalid.allow : [])]);
    const conditions = [...all].slice(0, issuesMax);
    const { entitlements = {} } = this.#view.facts.tenant;
    const limits = (this.#plan.requirement?.entitlements ?? []).filter(
      (rule) => meets(rule, entitlements, () => this.environment) === invalid,
    );
    const issues = [
      ...conditions.flatMap((condition) => invalidPlaceholders(condition, this.environment)),
      ...limits.flatMap((rule) => issueOfLimit(rule, this.environment)),
    ];
    return new PolicyError("invalid_input", [...new Map(issues.map((issue) => [`${issue.field} ${issue.rule}`, issue])).values()]);
  }
}

export const walkInput = (view: View, reader: NonNullable<RequestContext["relationships"]>, moment: WalkInput["moment"]): WalkInput => ({
  policy: view.policy,
  subject: view.subject,
  roleIds: view.roles.map(({ id }) => id),
  reader,
  moment,
});

/** Whether the scopes include the action or an ancestor; with two limits, both must. */
export const withinScopes = ({ lineage }: Pick<ActionPlan, "lineage">, { scopes, callerScopes }: RequestContext): boolean =>
  isAmong(lineage, scopes) && isAmong(lineage, callerScopes);

const isAmong = (lineage: readonly string[], scopes: ReadonlySet<string> | undefined): boolean =>
  scopes === undefined || lineage.some((value) => scopes.has(value));

/** Whether the session meets a rule; no session meets none. */
export function isStrongEnough({ anyMethod, maxAgeSeconds }: SessionRule, { session, now = Date.now() }: RequestContext): boolean {
  if (anyMethod !== undefined && !session?.methods?.some((method) => anyMethod.includes(method))) return false;
  if (maxAgeSeconds === undefined) return true;
  const ageMs = now - timeOf(session?.authenticatedAt);
  return ageMs >= 0 && ageMs <= maxAgeSeconds * 1_000;
}
