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

/** A call that has ended, as the log describes it. */
export interface EndedCall {
  readonly call: Call;
  /** An error's code, "fault", or "ok". */
  readonly outcome: string;
  readonly progress: {
    readonly details: AuditDetails;
    /** The tenant that the call acted in: null for the internal scope, undefined where it was not found out or there is none. */
    readonly tenant: string | null | undefined;
  };
  /** What a call that ended well has answered. */
  readonly output?: unknown;
}

/**
 * The level of a call's line: `info` for a command of a user or an operator, and for a deprecated operation, because only the line says
 * which client still calls it; also for whatever a security control has refused (ASVS 16.3.3), and `debug` for all else.
 */
export const logLevelOf = ({ kind, deprecated }: Operation, { principal }: Call, outcome: string): "info" | "debug" =>
  deprecated !== undefined || (kind === "command" && principal.kind !== "system") || controls.has(outcome) ? "info" : "debug";

/** Refusals by input validation, authentication, authorization and limits. */
const controls: ReadonlySet<string> = new Set(
  [ValidationFailed, CredentialRequired, CredentialInvalid, PermissionDenied, OrganizationInactive, AddressNotAllowed, TooManyRequests].map(
    ({ code }) => code,
  ),
);

/** Who called what, on which resource of which tenant, from where, and how it ended. */
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
 * `userId` or `serviceId`; `sessionId`, `accessTokenId` or `apiKeyId`; the organization that the credential is for; and who acts in the
 * principal's name.
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

/** The ids that a call names. The input of a refused call may be anything: only a declared field that holds a UUID is written. */
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
