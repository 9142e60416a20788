import type { Budget, Pending, RelationshipReader, RequestContext, View } from "@gatehouse/policy";
import { asOperationError } from "#modules/authorization/access/index.ts";
import { either, internal, permission, type Rule, subject } from "#operation/authorization.ts";
import type { Caller } from "#operation/caller.ts";
import type { MaybePromise } from "#operation/maybe-promise.ts";
import type { Platform } from "#platform/platform.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { asksElsewhere, type CheckRequest, requestContextOf, revisionText } from "./check.ts";
import type { HeldView } from "./projection/held-view.ts";
import type { DecisionReader } from "./projection/reader.ts";

/** Queries about one user: for that user, for who may check in the whole installation, and for who may check in the organization. */
export const aboutUser: Rule = either(subject("userId"), internal("Authorization.Check"), permission("Organization.CheckAccess"));
/** Queries about everybody in a tenant. */
export const aboutTenant: Rule = either(internal("Authorization.Check"), permission("Organization.CheckAccess"));

export const tenantOfQuery = (_context: never, { tenantId }: { readonly tenantId?: string | null }): string | null => tenantId ?? null;

/** What all queries of one request share: the caller, one moment, and what they may cost together. */
export interface QueryContext {
  readonly state: DecisionReader;
  readonly caller: Caller;
  readonly now: number;
  readonly budget: Budget;
}

/** Throws `common.too_many_requests` where the caller's decisions have cost more than its share. */
export const queryContext = ({
  state,
  caller,
  platform,
}: Pick<QueryContext, "state" | "caller"> & { readonly platform: Platform }): QueryContext => ({
  state,
  caller,
  now: platform.clock.now(),
  budget: state.budgets.of(caller),
});

type EvaluationRequest = Pick<CheckRequest, "userId" | "tenantId" | "minRevision"> & Partial<CheckRequest>;

/** What a query is evaluated on: a view, and what the engine takes beside it. */
export interface EvaluationTarget {
  readonly view: View;
  readonly held: HeldView;
  readonly context: RequestContext;
}

/**
 * Evaluates a query about one user in one tenant, again after loading the relationships that it lacked. Undefined where the caller's
 * session is for another organization: there the caller is treated as a non-member.
 */
export async function evaluate<Answer>(
  { state, caller, now, budget }: QueryContext,
  request: EvaluationRequest,
  query: (target: EvaluationTarget) => MaybePromise<Answer | Pending>,
): Promise<Answer | undefined> {
  const tenantId = request.tenantId ?? null;
  if (asksElsewhere(caller, tenantId)) return undefined;
  const context = requestContextOf(request as CheckRequest, caller, now, budget);
  const evaluateOn = (held: HeldView, relationships: RelationshipReader) => {
    if (held.view === undefined) throw new Unavailable("authorization projection", undefined);
    return query({ view: held.view, held, context: { ...context, relationships } });
  };
  try {
    const about = { userId: request.userId, organizationId: tenantId, action: request.actionType };
    return await state.settle({ ...about, minRevision: revisionText(request.minRevision) }, evaluateOn);
  } catch (error) {
    throw asOperationError(error);
  }
}
