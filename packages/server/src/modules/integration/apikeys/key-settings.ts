import type { Services } from "#operation/declaration/context.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { canonicalNetwork } from "#platform/network/networks.ts";
import type { KeySettings } from "./model.ts";

/** The columns of a key's settings. Refuses a malformed network, and a limit of an operation that does not exist. */
export function settingsColumns({ name, allowedNetworks, rateLimit, operationRateLimits }: KeySettings, { operations }: Services) {
  requireVisible(name);
  for (const operation of Object.keys(operationRateLimits ?? {})) {
    if (!operations.has(operation))
      throw invalid({ field: "operationRateLimits", rule: "operation", message: "names an operation that does not exist" });
  }
  return {
    name,
    allowed_networks: allowedNetworks?.map(canonicalOrInvalid) ?? null,
    rate_limit: rateLimit,
    operation_rate_limits: operationRateLimits,
  };
}

function canonicalOrInvalid(text: string, index: number): string {
  const canonical = canonicalNetwork(text);
  if (canonical !== undefined) return canonical;
  const message = "is not an IP address or a CIDR range without bits beyond its prefix";
  throw invalid({ field: `allowedNetworks.${index}`, rule: "network", message });
}
