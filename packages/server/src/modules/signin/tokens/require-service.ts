import { OperationError, PermissionDenied } from "#operation/declaration/errors.ts";
import type { IdentifiedPrincipal, ServicePrincipal } from "#operation/declaration/principal.ts";

/** Refuses every principal but a service account. */
export function requireService(principal: IdentifiedPrincipal): ServicePrincipal {
  if (principal.kind === "service") return principal;
  throw new OperationError(PermissionDenied, [{ rule: "principal", principal: "service" }]);
}
