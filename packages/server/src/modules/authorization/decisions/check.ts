import { applicableEntitlements, type Budget, type Decision, type DecisionReason, type View } from "@gatehouse/policy";
import { type HolderKind, PermissionValue } from "#modules/authorization/access/index.ts";
import { isForeignTo, isSelf, type Principal } from "#operation/declaration/principal.ts";
import { nullable, oneOfExtensible, RevisionInput, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { scopesOf, sessionFactsOf } from "./credential-scopes.ts";
import type { RequestContext } from "./projection/composed-view.ts";
import type { Decided, DecisionReader } from "./projection/reader.ts";

const Data = Type.Record(Type.String(), Type.Unknown());
const ResourceName = Type.String({ minLength: 1, maxLength: 255 });

/** The input of every query about one user's permissions, in addition to the action. */
export const RequestContextInput = {
  /** `$request` in conditions. */
  contextData: Type.Optional(nullable(Data)),
  /** `$session`. A query about the caller uses the caller's own session instead. */
  sessionData: Type.Optional(nullable(Data)),
  /** Permissions to which the user's credential is limited. */
  scopes: Type.Optional(nullable(Type.Array(PermissionValue, { maxItems: 200 }))),
  minRevision: Type.Optional(RevisionInput),
};

export const SubjectInput = { userId: Uuid, tenantId: Type.Optional(nullable(Uuid)) };

export const ResourceInput = {
  resourceType: Type.Optional(nullable(ResourceName)),
  resourceId: Type.Optional(nullable(ResourceName)),
  /** `$resource` in conditions. */
  resourceData: Type.Optional(nullable(Data)),
};

/** The request of the authorization check (docs/contract.md). */
export const CheckRequest = Type.Object({ ...SubjectInput, actionType: PermissionValue, ...ResourceInput, ...RequestContextInput });
export type CheckRequest = Static<typeof CheckRequest>;

/** The reason of a decision as a code. */
const reasonCodes = [
  "role",
  "grant",
  "not_a_member",
  "user_inactive",
  "organization_suspended",
  "missing_permission",
  "condition",
  "explicit_deny",
  "entitlement",
  "key_scope",
  "session_strength",
  "permission_data_unavailable",
  "entitlement_data_unavailable",
] as const satisfies readonly DecisionReason[];
export const ReasonCode = oneOfExtensible(...reasonCodes);
/** Every reason of a decision. */
export const decisionReasons: readonly DecisionReason[] = reasonCodes;

/** The answer of the authorization check. */
export const CheckAnswer = Type.Object({
  isAuthorized: Type.Boolean(),
  reason: Type.String(),
  reasonCode: ReasonCode,
  missingPermissions: Type.Array(Type.String()),
  applicableEntitlements: Type.Record(Type.String(), Type.Unknown()),
  decisionId: Uuid,
  revision: Type.String(),
});
export type CheckAnswer = Static<typeof CheckAnswer>;

const denials: Readonly<Record<Exclude<DecisionReason, "role" | "grant">, (action: string, role: string | undefined) => string>> = {
  not_a_member: () => "the user has no role in this scope",
  user_inactive: () => "the user is not active",
  organization_suspended: () => "the organization is not active",
  missing_permission: (action) => `no role or grant of the user gives '${action}'`,
  condition: (action) => `a role gives '${action}' under a condition that does not hold`,
  explicit_deny: (action, role) => (role ? `role '${role}' denies '${action}'` : `a relation to the resource denies '${action}'`),
  entitlement: () => "the organization's plan does not include it",
  key_scope: (action) => `the credential's scopes do not include '${action}'`,
  session_strength: () => "the sign-in is not strong enough or not recent enough",
  permission_data_unavailable: () => "permission data not available",
  entitlement_data_unavailable: () => "entitlement data not available",
};

/** The reason of a decision as a sentence. */
export function sentenceOf({ reason, role }: Decision, action: string): string {
  if (reason === "role") return `Allowed by role '${role?.name}'`;
  if (reason === "grant") return "Allowed by a relation to the resource";
  return `Denied: ${denials[reason](action, role?.name)}`;
}

const notAMember: Decision = { allowed: false, reason: "not_a_member" };

/** The expected subject of a query, in addition to its id. */
export interface ExpectedSubject {
  /** A subject of the other kind counts as a non-member. Absent: a user or a service account. */
  readonly subjectKind?: HolderKind;
}

type WithRequestContext = Pick<CheckRequest, "userId"> &
  ExpectedSubject & { readonly [Name in keyof typeof RequestContextInput]?: unknown };

/** The request context of a query, for the engine. */
export function requestContextOf(
  request: WithRequestContext & Partial<CheckRequest>,
  principal: Principal,
  now: number,
  budget: Budget,
): RequestContext {
  const { resourceType, resourceId, resourceData, contextData, subjectKind } = request;
  const names = resourceType != null || resourceId != null || resourceData != null;
  return {
    ...(names ? { resource: { type: resourceType ?? undefined, id: resourceId ?? undefined, attributes: resourceData ?? undefined } } : {}),
    request: contextData ?? undefined,
    ...credentialOf(request, principal),
    subjectKind: subjectKind ?? (isSelf(principal, request.userId) ? principal.kind : undefined),
    now,
    budget,
  };
}

/**
 * The session and scopes of a query. A query about the caller uses the caller's own credential, which the request cannot widen. A query
 * about another user takes them from the request.
 */
function credentialOf(
  { userId, sessionData, scopes }: Pick<CheckRequest, "userId" | "sessionData" | "scopes">,
  principal: Principal,
): Pick<RequestContext, "session" | "scopes" | "callerScopes"> {
  const session = sessionData ?? undefined;
  const given = scopes ? new Set(scopes) : undefined;
  if (!isSelf(principal, userId)) return { session, scopes: given };
  const own = scopesOf(principal);
  return {
    session: { ...session, ...sessionFactsOf(principal) },
    scopes: given ?? own,
    callerScopes: given === undefined ? undefined : own,
  };
}

export const revisionText = (minRevision: string | number | undefined): string | undefined =>
  minRevision === undefined ? undefined : String(minRevision);

/** The fixed cost of a check, in addition to the engine's steps: parsing, look-up and response. */
const checkSteps = 20;

/** Decides one check. All checks of a request share `now` and `budget`. */
export function decideFor(
  reader: DecisionReader,
  request: CheckRequest & ExpectedSubject,
  { principal, now, budget }: { readonly principal: Principal; readonly now: number; readonly budget: Budget },
): MaybePromise<Decided> {
  const tenantId = request.tenantId ?? null;
  if (isForeignTo(principal, tenantId)) return { decision: notAMember, view: undefined };
  budget.spend(checkSteps);
  const context = requestContextOf(request, principal, now, budget);
  return reader.decide(request.userId, tenantId, request.actionType, context, revisionText(request.minRevision));
}

export const answerOf = ({ decision, view }: Decided, request: CheckRequest, revision: string): CheckAnswer => ({
  isAuthorized: decision.allowed,
  reason: sentenceOf(decision, request.actionType),
  reasonCode: decision.reason,
  missingPermissions: decision.reason === "missing_permission" || decision.reason === "not_a_member" ? [request.actionType] : [],
  // A non-member must not learn what the organization's plan includes.
  applicableEntitlements: decision.reason === "not_a_member" ? {} : entitlementsOf(view, request.actionType),
  decisionId: crypto.randomUUID(),
  revision,
});

/** The entitlements that apply to the action, from the view of the decision. Empty if the action requires none. */
const entitlementsOf = (view: View | undefined, action: string): Record<string, unknown> =>
  view?.policy.action(action)?.requirement === undefined ? {} : { ...applicableEntitlements(view, action) };
