import { type Decision, PolicyError } from "@gatehouse/policy";
import type { Authorizer, Refusal } from "../../operation/authorization.ts";
import type { AccessReader } from "./read-model/reader.ts";

/** The read model as the kernel asks it: the same decisions that the check answers (ARCHITECTURE, idea 5). */
export const authorizerOf = (reader: AccessReader): Authorizer => ({
  holds(userId, organizationId, permission) {
    try {
      const decided = reader.decide(userId, organizationId, permission);
      return decided instanceof Promise ? decided.then(outcome, undecided) : outcome(decided);
    } catch (error) {
      return undecided(error);
    }
  },
  notHeld: (userId, organizationId, permissions) => reader.notHeld(userId, organizationId, permissions),
});

/** The product's own operations hand no context to conditions: what cannot be decided without it is not held. */
function undecided(error: unknown): Refusal {
  if (error instanceof PolicyError) return "missing_permission";
  throw error;
}

function outcome(decision: Decision): true | Refusal {
  if (decision.allowed) return true;
  switch (decision.reason) {
    case "not_a_member":
    case "organization_suspended":
      return decision.reason;
    case "permission_data_unavailable":
      return "unavailable";
    default:
      return "missing_permission";
  }
}
