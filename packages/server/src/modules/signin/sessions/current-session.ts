import { OperationError, PermissionDenied } from "#operation/declaration/errors.ts";
import { sessionIdOf, type UserPrincipal } from "#operation/declaration/principal.ts";

/** The id of the session whose token authenticated the call. Refuses other credentials, for which there is no current session. */
export function currentSession(user: UserPrincipal): string {
  const id = sessionIdOf(user);
  if (id === undefined) throw new OperationError(PermissionDenied, [{ rule: "credential", credential: "session" }]);
  return id;
}
