import { OperationError, PermissionDenied } from "#operation/declaration/errors.ts";
import type { UserPrincipal } from "#operation/declaration/principal.ts";

/** The session that the call is made with. Refuses other credentials: what ends or describes "this session" has none to mean. */
export function currentSession({ credential }: UserPrincipal): string {
  if (credential.kind !== "session") throw new OperationError(PermissionDenied, [{ rule: "credential", credential: "session" }]);
  return credential.id;
}
