import type { Budget, Pending, RelationshipReader, RequestContext, View } from "@gatehouse/policy";
import { asOperationError } from "#modules/authorization/access/index.ts";
import { either, internal, permission, type Rule, subject } from "#operation/declaration/authorization.ts";
import type { Services } from "#operation/declaration/context.ts";
import { isForeignTo, type Principal } from "#operation/declaration/principal.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { type CheckRequest, type ExpectedSubject, requestContextOf, revisionText } from "./check.ts";
import { type ComposedView, isOfOtherKind } from "./projection/composed-view.ts";
import type { DecisionReader } from "./projection/reader.ts";

/**
 * Allows queries about one user or service account to that subject, and to holders of the check permission in the installation or
 * organization.
 */
export const aboutUser: Rule = either(
  subject("userId", { appliesScopes: true }),
  internal("Authorization.Check"),
  permission("Organization.CheckAccess"),
);
/** Allows queries about all users of a tenant. */
export const aboutTenant: Rule = either(internal("Authorization.Check"), permission("Organization.CheckAccess"));

export const tenantOfQuery = (_context: never, { tenantId }: { readonly tenantId?: string | null }): string | null => tenantId ?? null;

/** The context that all queries of one request share: the caller, the time, and the budget. */
export interface QueryContext {
  readonly state: DecisionReader;
  readonly principal: Principal;
  readonly now: number;
  readonly budget: Budget;
}

/** Throws `common.too_many_requests` if the caller has overspent its budget for decisions. */
export const queryContext = ({
  state,
  principal,
  services,
}: Pick<QueryContext, "state" | "principal"> & { readonly services: Services }): QueryContext => ({
  state,
  principal,
  now: services.clock.now(),
  budget: state.budgets.of(principal),
});

type EvaluationRequest = Pick<CheckRequest, "userId" | "tenantId" | "minRevision"> & Partial<CheckRequest> & ExpectedSubject;

/** The input of one evaluation: the view and the request context. */
export interface EvaluationTarget {
  readonly view: View;
  readonly composed: ComposedView;
  readonly context: RequestContext;
}

/**
 * Evaluates a query about one user or service account in one tenant. Repeats it after loading missing relationships. Undefined if the
 * principal's credential is for another organization, or the subject is of another kind than expected: both count as non-members there.
 */
export async function evaluate<Answer>(
  { state, principal, now, budget }: QueryContext,
  request: EvaluationRequest,
  query: (target: EvaluationTarget) => MaybePromise<Answer | Pending>,
): Promise<Answer | undefined> {
  const tenantId = request.tenantId ?? null;
  if (isForeignTo(principal, tenantId)) return undefined;
  const { subjectKind, ...context } = requestContextOf(request as CheckRequest & ExpectedSubject, principal, now, budget);
  const evaluateOn = (composed: ComposedView, relationships: RelationshipReader) => {
    if (composed.view === undefined) throw new Unavailable("authorization projection", undefined);
    if (isOfOtherKind(composed.view, subjectKind)) return undefined;
    return query({ view: composed.view, composed, context: { ...context, relationships } });
  };
  try {
    const about = { userId: request.userId, organizationId: tenantId, action: request.actionType };
    return await state.settle({ ...about, minRevision: revisionText(request.minRevision) }, evaluateOn);
  } catch (error) {
    throw asOperationError(error);
  }
}
