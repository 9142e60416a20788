import type { Decision } from "@gatehouse/policy";
import type { Authorizer, Refusal } from "../../operation/authorization.ts";
import type { AccessReader } from "./read-model/reader.ts";

/** The read model as the kernel asks it: the same decisions that the check answers (ARCHITECTURE, idea 5). */
export const authorizerOf = (reader: AccessReader): Authorizer => ({
  holds(userId, organizationId, permission) {
    const decided = reader.decide(userId, organizationId, permission);
    return decided instanceof Promise ? decided.then(outcome) : outcome(decided);
  },
  permissionsOf: (userId, organizationId) => reader.permissionsOf(userId, organizationId),
});

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
