import { PolicyError } from "@gatehouse/policy";
import { canBeMetBySigningIn, manageModel } from "#modules/authorization/access/index.ts";
import type { Authorizer, Refusal, RequestFacts } from "#operation/declaration/authorization.ts";
import type { IdentifiedPrincipal } from "#operation/declaration/principal.ts";
import { after, attempt, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { holderOf, scopesOf, sessionFactsOf } from "./credential-scopes.ts";
import type { RequestContext } from "./projection/composed-view.ts";
import type { Decided, DecisionReader } from "./projection/reader.ts";

/** The kernel's authorizer. It decides like the check API, from the same reader. */
export const authorizerOf = (reader: DecisionReader): Authorizer => ({
  holds(principal, organizationId, permission, request) {
    const decided = decideFrom(reader, principal, organizationId, permission, request);
    if (permission !== manageModel) return decided;
    return after(decided, (answer) => (answer === true ? true : despiteLockout(reader, principal, organizationId, answer)));
  },
  missingPermissions: (principal, organizationId, permissions) =>
    reader.missingPermissions(principal.id, organizationId, permissions, holderOf(principal)),
});

function decideFrom(
  reader: DecisionReader,
  principal: IdentifiedPrincipal,
  organizationId: string | null,
  permission: string,
  request: RequestFacts,
): MaybePromise<true | Refusal> {
  return attempt(() => reader.decide(principal.id, organizationId, permission, contextOf(principal, request)), outcome, undecided);
}

/**
 * A stored model may have a requirement that locks every administrator out, if an older release accepted it. Then a role with the permission
 * is enough to replace the model.
 */
async function despiteLockout(
  reader: DecisionReader,
  principal: IdentifiedPrincipal,
  organizationId: string | null,
  refusal: Refusal,
): Promise<true | Refusal> {
  const requirement = (await reader.policy()).action(manageModel)?.requirement;
  if (requirement === undefined || canBeMetBySigningIn(requirement)) return refusal;
  return (await reader.missingPermissions(principal.id, organizationId, [manageModel], holderOf(principal))).length === 0 ? true : refusal;
}

/**
 * `$session` and `$request` for an operation of the product: the call's credential, and the IP address and user agent that the HTTP server
 * sees. A value that a proxy does not forward is missing, and a condition that needs it is false.
 */
const contextOf = (principal: IdentifiedPrincipal, { origin, now }: RequestFacts): RequestContext => ({
  session: sessionFactsOf(principal),
  scopes: scopesOf(principal),
  subjectKind: principal.kind,
  request: { ip: origin.ip ?? undefined, userAgent: origin.userAgent ?? undefined },
  now,
});

/** A permission that cannot be decided counts as missing: an operation has no input for conditions besides session and request. */
function undecided(error: unknown): Refusal {
  if (error instanceof PolicyError) return "missing_permission";
  throw error;
}

function outcome({ decision }: Decided): true | Refusal {
  if (decision.allowed) return true;
  switch (decision.reason) {
    case "not_a_member":
    case "organization_suspended":
    case "session_strength":
      return decision.reason;
    case "key_scope":
      return "credential_scope";
    case "permission_data_unavailable":
      return "unavailable";
    default:
      return "missing_permission";
  }
}
