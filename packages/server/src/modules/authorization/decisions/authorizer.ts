import { PolicyError } from "@gatehouse/policy";
import { canBeMetBySigningIn, manageModel } from "#modules/authorization/access/index.ts";
import type { Authorizer, Refusal, RequestFacts } from "#operation/authorization.ts";
import type { UserCaller } from "#operation/caller.ts";
import { after, type MaybePromise } from "#operation/maybe-promise.ts";
import type { RequestContext } from "./projection/held-view.ts";
import type { Decided, DecisionReader } from "./projection/reader.ts";

/** The projection as the kernel asks it: the same decisions that the check answers (ARCHITECTURE, idea 5). */
export const authorizerOf = (reader: DecisionReader): Authorizer => ({
  holds(caller, organizationId, permission, request) {
    const decided = decideFrom(reader, caller, organizationId, permission, request);
    if (permission !== manageModel) return decided;
    return after(decided, (answer) => (answer === true ? true : despiteLockout(reader, caller, organizationId, answer)));
  },
  notHeld: (userId, organizationId, permissions) => reader.notHeld(userId, organizationId, permissions),
});

function decideFrom(
  reader: DecisionReader,
  caller: UserCaller,
  organizationId: string | null,
  permission: string,
  request: RequestFacts,
): MaybePromise<true | Refusal> {
  try {
    const decided = reader.decide(caller.userId, organizationId, permission, contextOf(caller, request));
    return decided instanceof Promise ? decided.then(outcome, undecided) : outcome(decided);
  } catch (error) {
    return undecided(error);
  }
}

/** A model that was stored before such requirements were refused is replaced by whoever holds the permission by a role. */
async function despiteLockout(
  reader: DecisionReader,
  caller: UserCaller,
  organizationId: string | null,
  refusal: Refusal,
): Promise<true | Refusal> {
  const requirement = (await reader.policy()).action(manageModel)?.requirement;
  if (requirement === undefined || canBeMetBySigningIn(requirement)) return refusal;
  return (await reader.notHeld(caller.userId, organizationId, [manageModel])).length === 0 ? true : refusal;
}

/**
 * `$session` and `$request` for an operation of the product: the session that the caller uses, and the address and user agent as the
 * HTTP server sees them. What a proxy does not hand on is missing, and a condition that needs it does not hold.
 */
const contextOf = (caller: UserCaller, { origin, now }: RequestFacts): RequestContext => ({
  session: { id: caller.sessionId, authenticatedAt: caller.authenticatedAt, methods: caller.methods },
  request: { ip: origin.ip ?? undefined, userAgent: origin.userAgent ?? undefined },
  now,
});

/** What cannot be decided from the session and the request is not held: an operation has no other input for conditions. */
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
    case "permission_data_unavailable":
      return "unavailable";
    default:
      return "missing_permission";
  }
}
