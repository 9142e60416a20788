import {
  EvaluationLimit,
  PermissionValue,
  UnknownPermission,
  UnknownResourceType,
  withOperationErrors,
} from "#modules/authorization/access/index.ts";
import { decideFor, decisionReasons, queryContext } from "#modules/authorization/decisions/index.ts";
import { OrganizationNotFound } from "#modules/organization/tenancy/index.ts";
import { scoped } from "#operation/declaration/authorization.ts";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { nullable, oneOfExtensible, RevisionInput, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { parseAddress } from "#platform/network/address.ts";
import { hashSecret } from "#platform/secrets.ts";
import { type ActiveKey, withSecret } from "../key-cache.ts";
import { KeyInput, Owner, prefixOf } from "../model.ts";
import { apikeys } from "../module.ts";
import { type CountedCall, countCall } from "../rate-limits.ts";
import type { ApiKeyRow } from "../store.ts";

const Data = Type.Record(Type.String(), Type.Unknown());
const ResourceName = Type.String({ minLength: 1, maxLength: 255 });

const Input = Type.Object({
  organizationId: Type.Optional(nullable(Uuid)),
  key: KeyInput,
  ipAddress: Type.Optional(
    nullable(Type.String({ maxLength: 100, description: "The address of the caller. A key with networks is refused without it." })),
  ),
  permission: Type.Optional(nullable(PermissionValue)),
  resourceType: Type.Optional(nullable(ResourceName)),
  resourceId: Type.Optional(nullable(ResourceName)),
  resourceData: Type.Optional(nullable(Data)),
  contextData: Type.Optional(nullable(Data)),
  minRevision: Type.Optional(RevisionInput),
});
type Input = Static<typeof Input>;

const Verification = Type.Object({
  valid: Type.Boolean(),
  code: oneOfExtensible(
    "valid",
    "unknown",
    "revoked",
    "expired",
    "owner_inactive",
    "address_not_allowed",
    "rate_limited",
    "permission_denied",
  ),
  /** Null for an unknown key. */
  apiKey: nullable(
    Type.Object({
      id: Uuid,
      name: Type.String(),
      organizationId: nullable(Uuid),
      owner: Owner,
      scopes: Type.Array(Type.String()),
      expiresAt: nullable(Timestamp),
    }),
  ),
  /** The reason of the decision; null without a permission in the request. */
  reasonCode: nullable(oneOfExtensible(...decisionReasons)),
  rateLimits: Type.Array(
    Type.Object({
      policy: Type.String(),
      requests: Type.Integer(),
      seconds: Type.Integer(),
      remaining: Type.Integer(),
      resetSeconds: Type.Integer(),
    }),
  ),
  /** With `rate_limited`: the time until the next call can be admitted. */
  retryAfterSeconds: nullable(Type.Integer()),
});
type Verification = Static<typeof Verification>;
type Code = Verification["code"];

type Context = PrepareContextOf<typeof apikeys>;

/** The operation by which verifications are counted in rate limits and usage. */
const operation = "apikeys.verifyApiKey";
/** The status by which a refused verification is counted in the usage. */
const statusOf: Partial<Readonly<Record<Code, number>>> = { address_not_allowed: 403, permission_denied: 403, rate_limited: 429 };

/**
 * Verifies a key for an application with its own API: whether the key is active, the address is in its networks, its rate limits are not
 * exhausted, and the permission is allowed. Counts as a use of the key. The answer is the same for an unknown key and one of another
 * organization.
 */
export const verifyApiKey = apikeys.inMemoryQuery("verifyApiKey", {
  http: "POST /api/v1/api-keys/verify",
  summary: "Verify an API key for an application.",
  allow: scoped({ tenant: "Organization.VerifyApiKeys", internal: "ApiKey.Verify" }),
  absent: OrganizationNotFound,
  input: Input,
  output: Verification,
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, TooManyRequests],
  tenant: ({ principal }, { organizationId }) => organizationId ?? organizationOf(principal),
  decision: ({ valid, code }) => ({ allowed: valid, reason: code }),
  run(context, input) {
    const tenant = input.organizationId ?? organizationOf(context.principal);
    return after(context.state.cache.find(input.key), (key) => {
      if (key === null) return verifyInactive(context, input.key, tenant);
      return tenant === null || key.principal.organizationId === tenant ? verifyActive(context, input, key) : unknown;
    });
  },
});

const refused = (code: Code, apiKey: Verification["apiKey"]): Verification => ({
  valid: false,
  code,
  apiKey,
  reasonCode: null,
  rateLimits: [],
  retryAfterSeconds: null,
});
const unknown = refused("unknown", null);

/** Returns why a key is not active, if the secret is right. An unknown key and a wrong secret take the same work. */
async function verifyInactive({ readingEveryTenant, state }: Context, token: string, tenant: string | null): Promise<Verification> {
  const prefix = prefixOf(token);
  if (prefix === undefined) return unknown;
  return readingEveryTenant("the tenant is known only from the key", async (store, uses) => {
    const row = withSecret(await store.byPrefix(prefix), hashSecret(token));
    if (row === undefined || (tenant !== null && row.organization_id !== tenant)) return unknown;
    // A key that became active meanwhile is verified at the next call.
    const code = await state.cache.inactivity(row, uses);
    return code === undefined ? unknown : refused(code, ofRow(row));
  });
}

async function verifyActive(context: Context, input: Input, key: ActiveKey): Promise<Verification> {
  const { services, state } = context;
  const began = performance.now();
  state.usage.recordUse(key);
  const answer = (code: Code, more: Partial<Verification> = {}): Verification => {
    state.usage.count(key, { operation, status: statusOf[code] ?? 200, latencyMs: performance.now() - began });
    return { ...refused(code, ofKey(key)), valid: code === "valid", ...more };
  };
  if (key.networks?.(parseAddress(input.ipAddress)) === false) return answer("address_not_allowed");
  const counted = await countCall(services.limits, services.settings, key, operation);
  const rateLimits = representLimits(counted);
  if (counted.waitSeconds > 0) return answer("rate_limited", { rateLimits, retryAfterSeconds: counted.waitSeconds });
  if (input.permission == null) return answer("valid", { rateLimits });
  const { allowed, reason } = await decide(context, { ...input, permission: input.permission }, key);
  return answer(allowed ? "valid" : "permission_denied", { rateLimits, reasonCode: reason });
}

/** Decides for the owner within the scopes of the key. The steps count against the verifying caller's budget. */
function decide({ principal, services, state: { reader } }: Context, input: Input & { readonly permission: string }, key: ActiveKey) {
  const { permission, resourceType, resourceId, resourceData, contextData, minRevision } = input;
  const request = {
    userId: key.principal.id,
    tenantId: key.principal.organizationId,
    actionType: permission,
    ...{ resourceType, resourceId, resourceData, contextData, minRevision },
  };
  const evaluation = { ...queryContext({ state: reader, principal, services }), principal: key.principal };
  const decided = withOperationErrors(
    () => decideFor(reader, request as never, evaluation),
    ({ decision }) => decision,
  );
  return decided as MaybePromise<Awaited<typeof decided>>;
}

const representLimits = ({ limits }: CountedCall): Verification["rateLimits"] =>
  limits.map(({ name, limit: { points, seconds }, state: { remaining, resetSeconds } }) => ({
    policy: name,
    requests: points,
    seconds,
    remaining,
    resetSeconds,
  }));

const ofKey = ({ id, name, principal, scopes, expiresAt }: ActiveKey): Verification["apiKey"] => ({
  id,
  name,
  organizationId: principal.organizationId,
  owner: { kind: principal.kind, id: principal.id },
  scopes: [...scopes],
  expiresAt: expiresAt?.toISOString() ?? null,
});

const ofRow = ({ id, name, organization_id, owner_kind, owner_id, scopes, expires_at }: ApiKeyRow): Verification["apiKey"] => ({
  id,
  name,
  organizationId: organization_id,
  owner: { kind: owner_kind, id: owner_id },
  scopes: [...scopes],
  expiresAt: expires_at?.toISOString() ?? null,
});
