import { after, type MaybePromise } from "../kernel/maybe-promise.ts";
import {
  CredentialRequired,
  type ErrorDefinition,
  OperationError,
  OrganizationInactive,
  PermissionDenied,
  RouteNotFound,
} from "./errors.ts";
import type { Origin } from "./origin.ts";
import { type IdentifiedPrincipal, isForeignTo, isIdentified, isSelf, isSystemOrOperator, isUser, type Principal } from "./principal.ts";

/** Who may call an operation. The program does not start with an operation that declares no rule. */
export type Rule =
  | { readonly kind: "anyone"; readonly why: string }
  | { readonly kind: "signedIn" }
  | { readonly kind: "identified"; readonly appliesScopes: boolean }
  | { readonly kind: "permission"; readonly permission: string; readonly scope: "tenant" | "internal" }
  | { readonly kind: "scoped"; readonly tenant: string; readonly internal: string }
  | { readonly kind: "subject"; readonly field: string; readonly appliesScopes: boolean }
  | { readonly kind: "own"; readonly thing: string }
  | { readonly kind: "operator" }
  | { readonly kind: "byInput"; readonly field: string; readonly cases: Readonly<Record<string, Rule>>; readonly otherwise: Rule }
  | { readonly kind: "either"; readonly rules: readonly Rule[] };

/** Any caller, also without a credential. `why` gives the reason. */
export const anyone = (why: string): Rule => ({ kind: "anyone", why });
/**
 * Any user, for their own resources: profile, sessions, organizations. Refuses services, and credentials with scopes: a scope names a
 * permission, and access to one's own resources needs none.
 */
export const signedIn = (): Rule => ({ kind: "signedIn" });

interface ScopesOfRule {
  /** The operation itself limits its answer to the credential's scopes. Otherwise the rule refuses a credential with scopes. */
  readonly appliesScopes?: boolean;
}
/** Any user or service. */
export const identified = ({ appliesScopes = false }: ScopesOfRule = {}): Rule => ({ kind: "identified", appliesScopes });
/** Any principal with the permission `value` in the organization of the call. */
export const permission = (value: string): Rule => ({ kind: "permission", permission: value, scope: "tenant" });
/** Any principal with the permission `value` in the internal scope, and a credential of that scope. */
export const internal = (value: string): Rule => ({ kind: "permission", permission: value, scope: "internal" });
/** One permission for calls in an organization, another for calls in the internal scope. */
export const scoped = (needed: { readonly tenant: string; readonly internal: string }): Rule => ({ kind: "scoped", ...needed });
/** The user or service account whose id is in the input's `field`. */
export const subject = (field: string, { appliesScopes = false }: ScopesOfRule = {}): Rule => ({ kind: "subject", field, appliesScopes });
/** The owner of the resource, resolved by the operation's `ownerOf`. Refuses credentials with scopes. */
export const own = (thing: string): Rule => ({ kind: "own", thing });
/** The operator: the command line on the server's own machine. */
export const operatorOnly = (): Rule => ({ kind: "operator" });
/** Chooses a rule by the value of the input's `field`; `otherwise` applies to all other values. */
export const byInput = (field: string, cases: Readonly<Record<string, Rule>>, otherwise: Rule): Rule => ({
  kind: "byInput",
  field,
  cases,
  otherwise,
});
export const either = (...rules: readonly Rule[]): Rule => ({ kind: "either", rules });

/** Why a call is denied, as far as an answer needs it. The access module has the full reason. */
export type Refusal =
  | "not_a_member"
  | "missing_permission"
  | "credential_scope"
  | "session_strength"
  | "organization_suspended"
  | "unavailable";

/** The request that a decision is made for. Conditions and session requirements of the product's own permissions read it. */
export interface RequestFacts {
  readonly origin: Origin;
  /** Milliseconds since 1970, by the clock that also dates sessions. */
  readonly now: number;
}

/**
 * Decides whether a principal holds a permission in an organization (null: the internal scope), within the scopes of its credential.
 * The access module implements it.
 */
export interface Authorizer {
  /** Decides as the check API does, for the principal's own credential and request. */
  holds(
    principal: IdentifiedPrincipal,
    organizationId: string | null,
    permission: string,
    request: RequestFacts,
  ): MaybePromise<true | Refusal>;
  /** Those of `permissions` that the principal does not hold unconditionally there, or that are outside the credential's scopes. */
  missingPermissions(
    principal: IdentifiedPrincipal,
    organizationId: string | null,
    permissions: readonly string[],
  ): Promise<readonly string[]>;
}

export interface AccessRequest {
  /** Only for an operation with the rule `own`. */
  readonly ownerOf?: () => MaybePromise<string | undefined>;
  readonly principal: Principal;
  readonly tenant: string | null | undefined;
  readonly input: Readonly<Record<string, unknown>>;
  /** The error for a non-member of the tenant: the same as for an id that does not exist (docs/security/attacks.md, 20). */
  readonly absent: ErrorDefinition | undefined;
  readonly facts: RequestFacts;
}

type Outcome = true | OperationError;

/**
 * Throws where `rule` denies the request. Of several alternatives, the most specific error is thrown. Returns without a promise where
 * the answer is in memory: there are tens of thousands of checks a second.
 */
export function authorize(rule: Rule, request: AccessRequest, authorizer: Authorizer): MaybePromise<void> {
  return after(evaluate(rule, request, authorizer), (outcome) => {
    if (outcome !== true) throw outcome;
  });
}

function evaluate(rule: Rule, request: AccessRequest, authorizer: Authorizer): MaybePromise<Outcome> {
  const { principal } = request;
  if (rule.kind === "anyone") return true;
  if (rule.kind === "either") return evaluateAlternatives(rule.rules, 0, undefined, request, authorizer);
  if (rule.kind === "byInput") {
    const value = request.input[rule.field];
    const chosen = typeof value === "string" && Object.hasOwn(rule.cases, value) ? (rule.cases[value] as Rule) : rule.otherwise;
    return evaluate(chosen, request, authorizer);
  }
  // The operator has access to the database anyway; the command line's operations still declare a rule.
  if (isSystemOrOperator(principal)) return true;
  if (rule.kind === "operator") return new OperationError(RouteNotFound);
  if (!isIdentified(principal)) return new OperationError(CredentialRequired);
  if (rule.kind === "signedIn") return usersOwn(principal);
  if (rule.kind === "identified") return rule.appliesScopes || withoutScopes(principal);
  if (rule.kind === "subject") {
    const field = request.input[rule.field];
    if (typeof field !== "string" || !isSelf(principal, field)) return denied();
    return rule.appliesScopes || withoutScopes(principal);
  }
  if (rule.kind === "own") return isOwner(principal, request);
  if (rule.kind === "scoped") {
    return request.tenant === null
      ? internalPermission(rule.internal, principal, request, authorizer)
      : tenantPermission(rule.tenant, principal, request, authorizer);
  }
  return rule.scope === "internal"
    ? internalPermission(rule.permission, principal, request, authorizer)
    : tenantPermission(rule.permission, principal, request, authorizer);
}

/** Access to a user's own resources: refuses services, and credentials with scopes. */
const usersOwn = (principal: IdentifiedPrincipal): Outcome =>
  principal.kind === "user" ? withoutScopes(principal) : new OperationError(PermissionDenied, [onlyUsers]);

/** The error detail where only users may call. */
export const onlyUsers = { rule: "principal", principal: "user" } as const;

const withoutScopes = ({ credential }: IdentifiedPrincipal): Outcome =>
  credential.scopes === undefined || new OperationError(PermissionDenied, [{ rule: "credential_scope" }]);

function isOwner(principal: IdentifiedPrincipal, { tenant, absent, ownerOf }: AccessRequest): MaybePromise<Outcome> {
  // A session for one organization never acts in another.
  if (isForeignTo(principal, tenant)) return new OperationError(absent ?? RouteNotFound);
  const own = usersOwn(principal);
  if (own !== true) return own;
  return after(ownerOf?.(), (owner) => isUser(principal, owner) || denied());
}

function evaluateAlternatives(
  rules: readonly Rule[],
  from: number,
  mostSpecific: OperationError | undefined,
  request: AccessRequest,
  authorizer: Authorizer,
): MaybePromise<Outcome> {
  const rule = rules[from];
  if (rule === undefined) return mostSpecific ?? denied();
  return after(evaluate(rule, request, authorizer), (outcome) => {
    if (outcome === true) return true;
    const next = mostSpecific === undefined || outcome.definition.status === 404 ? outcome : mostSpecific;
    return evaluateAlternatives(rules, from + 1, next, request, authorizer);
  });
}

function internalPermission(
  value: string,
  principal: IdentifiedPrincipal,
  request: AccessRequest,
  authorizer: Authorizer,
): MaybePromise<Outcome> {
  if (principal.organizationId !== null) return denied(value);
  return after(authorizer.holds(principal, null, value, request.facts), (answer) => answer === true || refused(value, answer));
}

function tenantPermission(
  value: string,
  principal: IdentifiedPrincipal,
  request: AccessRequest,
  authorizer: Authorizer,
): MaybePromise<Outcome> {
  const { tenant, absent } = request;
  const unknown = () => new OperationError(absent ?? RouteNotFound);
  if (tenant === undefined || tenant === null) return absent ? unknown() : denied(value);
  // A session for one organization never acts in another.
  if (isForeignTo(principal, tenant)) return unknown();
  return after(authorizer.holds(principal, tenant, value, request.facts), (answer) => {
    if (answer === true) return true;
    if (answer === "not_a_member") return unknown();
    return answer === "organization_suspended" ? new OperationError(OrganizationInactive) : refused(value, answer);
  });
}

/** Names what the credential lacks, where nothing else is missing: a stronger or more recent sign-in, or a scope. */
const refused = (value: string, refusal: Refusal): OperationError =>
  refusal === "session_strength" || refusal === "credential_scope"
    ? new OperationError(PermissionDenied, [{ rule: refusal, permission: value }])
    : denied(value);

const denied = (value?: string): OperationError =>
  new OperationError(PermissionDenied, value === undefined ? [] : [{ rule: "permission", permission: value }]);

/** The rule as text, for the API's description. */
export function describeRule(rule: Rule): string {
  switch (rule.kind) {
    case "anyone":
      return `Anyone: ${rule.why}.`;
    case "signedIn":
      return "Any signed-in user.";
    case "identified":
      return `Any user or service${rule.appliesScopes ? ", within the scopes of its credential" : ""}.`;
    case "permission":
      return rule.scope === "tenant"
        ? `Permission \`${rule.permission}\` in the organization.`
        : `Permission \`${rule.permission}\` in the internal scope.`;
    case "scoped":
      return `Permission \`${rule.tenant}\` in the organization; for the internal scope \`${rule.internal}\` there.`;
    case "subject":
      return `The user or service account named by \`${rule.field}\`.`;
    case "own":
      return `The user whose ${rule.thing} it is.`;
    case "byInput":
      return [
        ...Object.entries(rule.cases).map(([value, inner]) => `With \`${rule.field}\` ${value}: ${describeRule(inner)}`),
        `Otherwise: ${describeRule(rule.otherwise)}`,
      ].join(" ");
    case "operator":
      return "The command line on the machine itself.";
    case "either":
      return rule.rules.map(describeRule).join(" Or: ");
  }
}

/** The permissions that a rule names. Used to check that each of them is defined. */
export function permissionsIn(rule: Rule): readonly { readonly permission: string; readonly scope: "tenant" | "internal" }[] {
  if (rule.kind === "permission") return [rule];
  if (rule.kind === "scoped") {
    return [
      { permission: rule.tenant, scope: "tenant" },
      { permission: rule.internal, scope: "internal" },
    ];
  }
  if (rule.kind === "byInput") return [...Object.values(rule.cases), rule.otherwise].flatMap(permissionsIn);
  return rule.kind === "either" ? rule.rules.flatMap(permissionsIn) : [];
}
