import { AddressNotAllowed, OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import type { ModuleProcess } from "#operation/declaration/module.ts";
import { rateLimitFields } from "#operation/declaration/rate-limit-fields.ts";
import { familyOf } from "#operation/declaration/versions.ts";
import type { Admission, AdmissionRequest, Authenticator } from "#operation/kernel/authenticators.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import type { Platform } from "#platform/platform.ts";
import type { ActiveKey } from "./key-cache.ts";
import { prefixOf } from "./model.ts";
import type { ApiKeyState } from "./module.ts";
import { countCall } from "./rate-limits.ts";

/** Authenticates API keys, and enforces their networks and rate limits. */
export function apiKeyAuthenticator({ platform, state, uses }: ModuleProcess): Authenticator {
  const { cache, usage }: ApiKeyState = state;
  return {
    accepts: (token) => prefixOf(token) !== undefined,
    authenticate: (token) => after(cache.find(token), (key) => key?.principal ?? null),
    admit(principal, request) {
      const key = cache.ofPrincipal(principal);
      return key === undefined ? undefined : admitCall(platform, usage, key, request);
    },
    start() {
      cache.start(uses);
      usage.start();
    },
    stop: () => usage.stop(),
  };
}

async function admitCall(
  { limits, settings }: Platform,
  usage: ApiKeyState["usage"],
  key: ActiveKey,
  { operation: { name }, origin }: AdmissionRequest,
): Promise<Admission> {
  const began = performance.now();
  // Versions of an operation share its limit and its usage.
  const operation = familyOf(name);
  usage.recordUse(key);
  const ended = (status: number): void => usage.count(key, { operation, status, latencyMs: performance.now() - began });
  const refuse = (error: OperationError): never => {
    ended(error.definition.status);
    throw error;
  };
  if (key.networks?.(origin.ip) === false) refuse(new OperationError(AddressNotAllowed));
  const { limits: counted, waitSeconds } = await countCall(limits, settings, key, operation);
  const rateLimits = counted.length === 0 ? undefined : rateLimitFields(counted);
  if (waitSeconds > 0) refuse(new OperationError(TooManyRequests, [], { retryAfterSeconds: waitSeconds, rateLimits }));
  return { rateLimits, ended };
}
