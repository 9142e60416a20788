import { OperationError, PermissionDenied } from "#operation/declaration/errors.ts";
import type { UserPrincipal } from "#operation/declaration/principal.ts";

/** The id of the session that authenticated the call. Refuses other credentials, for which there is no current session. */
export function currentSession({ credential }: UserPrincipal): string {
  if (credential.kind !== "session") throw new OperationError(PermissionDenied, [{ rule: "credential", credential: "session" }]);
  return credential.id;
}
