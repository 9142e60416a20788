import type { Budget, Occasion, Pending, RelationshipReader, View } from "@gatehouse/policy";
import { asOperationError } from "#modules/authorization/access/index.ts";
import { either, internal, permission, type Rule, subject } from "#operation/authorization.ts";
import type { Services } from "#operation/context.ts";
import type { MaybePromise } from "#operation/maybe-promise.ts";
import { isForeignTo, type Principal } from "#operation/principal.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { type CheckRequest, occasionOf, revisionText } from "./check.ts";
import type { HeldView } from "./projection/held-view.ts";
import type { DecisionReader } from "./projection/reader.ts";

/** Questions about one user: the user themselves, whoever may check for the whole installation, and whoever may for the organization. */
export const aboutUser: Rule = either(
  subject("userId", { appliesScopes: true }),
  internal("Authorization.Check"),
  permission("Organization.CheckAccess"),
);
/** Questions about everybody in a tenant. */
export const aboutTenant: Rule = either(internal("Authorization.Check"), permission("Organization.CheckAccess"));

export const tenantOfQuestion = (_context: never, { tenantId }: { readonly tenantId?: string | null }): string | null => tenantId ?? null;

/** What all questions of one request share: the caller, one moment, and what they may cost together. */
export interface QueryContext {
  readonly state: DecisionReader;
  readonly principal: Principal;
  readonly now: number;
  readonly budget: Budget;
}

/** Throws `common.too_many_requests` where the caller's decisions have cost more than its share. */
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

type Asking = Pick<CheckRequest, "userId" | "tenantId" | "minRevision"> & Partial<CheckRequest>;

/** A view that is there, and what the engine takes beside it. */
export interface Posed {
  readonly view: View;
  readonly held: HeldView;
  readonly occasion: Occasion;
}

/**
 * Poses a question to the engine about one user in one tenant, again after what it missed was loaded. Undefined where the caller's
 * credential is for another organization: there they count as a non-member.
 */
export async function pose<Answer>(
  { state, principal, now, budget }: QueryContext,
  request: Asking,
  question: (posed: Posed) => MaybePromise<Answer | Pending>,
): Promise<Answer | undefined> {
  const tenantId = request.tenantId ?? null;
  if (isForeignTo(principal, tenantId)) return undefined;
  const asked = occasionOf(request as CheckRequest, principal, now, budget);
  const ask = (held: HeldView, relationships: RelationshipReader) => {
    if (held.view === undefined) throw new Unavailable("access read model", undefined);
    return question({ view: held.view, held, occasion: { ...asked, relationships } });
  };
  try {
    const about = { userId: request.userId, organizationId: tenantId, action: request.actionType };
    return await state.settle({ ...about, minRevision: revisionText(request.minRevision) }, ask);
  } catch (error) {
    throw asOperationError(error);
  }
}
