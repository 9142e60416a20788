import {
  AddressNotAllowed,
  CredentialInvalid,
  CredentialRequired,
  OrganizationInactive,
  PermissionDenied,
  TooManyRequests,
  ValidationFailed,
} from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { isIdentified, type Principal } from "../declaration/principal.ts";
import type { AuditDetails } from "./audit.ts";
import type { Call } from "./dispatch.ts";

/** A completed call, for its log line. */
export interface EndedCall {
  readonly call: Call;
  /** An error's code, "internal_error", or "ok". */
  readonly outcome: string;
  readonly progress: {
    readonly details: AuditDetails;
    /** The tenant of the call: null for the internal scope, undefined where it was not resolved or there is none. */
    readonly tenant: string | null | undefined;
  };
  /** The answer of a successful call. */
  readonly output?: unknown;
}

/**
 * The level of a call's log line. `info`: commands of users and operators, refusals by a security control (ASVS 16.3.3), and deprecated
 * operations, because only the log line names the client. `debug`: everything else.
 */
export const logLevelOf = ({ kind, deprecated }: Operation, { principal }: Call, outcome: string): "info" | "debug" =>
  deprecated !== undefined || (kind === "command" && principal.kind !== "system") || securityRefusals.has(outcome) ? "info" : "debug";

/** Refusals by input validation, authentication, authorization and limits. */
const securityRefusals: ReadonlySet<string> = new Set(
  [ValidationFailed, CredentialRequired, CredentialInvalid, PermissionDenied, OrganizationInactive, AddressNotAllowed, TooManyRequests].map(
    ({ code }) => code,
  ),
);

/** The fields of a log line: caller, operation, resource, tenant, origin and outcome. */
export function logFields(
  operation: Operation,
  { call, outcome, progress, output }: EndedCall,
  milliseconds: number,
): Record<string, unknown> {
  const { principal, origin } = call;
  const resource = { ...idsIn(operation, call.input), ...entityOf(progress.details) };
  return {
    module: operation.kind,
    traceId: origin.traceId,
    operation: operation.name,
    outcome,
    durationMs: Math.round(milliseconds * 10) / 10,
    principal: principal.kind,
    ...principalFields(principal),
    ...(progress.tenant === undefined ? {} : { tenantId: progress.tenant }),
    ...(Object.keys(resource).length === 0 ? {} : { resource }),
    ...(output === undefined || operation.decision === undefined ? {} : { decision: operation.decision(output as never) }),
    ipAddress: origin.ip,
    userAgent: origin.userAgent,
    ...(operation.deprecated === undefined ? {} : { deprecated: true }),
  };
}

/**
 * `userId` or `serviceId`; `sessionId`, `accessTokenId` or `apiKeyId`; the organization that the credential is for; and the actor.
 */
function principalFields(principal: Principal): Record<string, unknown> {
  if (!isIdentified(principal)) return {};
  const { kind, id, credential, organizationId, actor } = principal;
  return {
    [`${kind}Id`]: id,
    [`${credential.kind}Id`]: credential.id,
    organizationId,
    ...(actor === undefined ? {} : { actor: `${actor.kind}:${actor.id}` }),
  };
}

const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

/** The ids in the input of a call. A refused input may be arbitrary, so only declared fields with a UUID are logged. */
function idsIn({ input: { properties } }: Operation, input: object): Record<string, string> {
  const given = input as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.keys(properties).flatMap((name) => {
      const value = given[name];
      return typeof value === "string" && uuid.test(value) ? [[name, value] as const] : [];
    }),
  );
}

const entityOf = ({ entity }: AuditDetails): Record<string, string> =>
  entity === undefined ? {} : { [`${entity.type.charAt(0).toLowerCase()}${entity.type.slice(1)}Id`]: entity.id };
