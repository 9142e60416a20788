import { asOperationError, EvaluationLimit, UnknownPermission, UnknownResourceType } from "#modules/authorization/access/index.ts";
import { type ErrorDefinition, OperationError, ValidationFailed } from "#operation/declaration/errors.ts";
import type { Facts } from "./entities.ts";

const codes: ReadonlyMap<ErrorDefinition, string> = new Map<ErrorDefinition, string>([
  [ValidationFailed, "invalid_input"],
  [UnknownPermission, "unknown_permission"],
  [UnknownResourceType, "unknown_resource_type"],
  [EvaluationLimit, "evaluation_limit"],
]);

/** Maps field names of the check API to those of AuthZEN. */
const names: Readonly<Record<string, string>> = { actionType: "action.name", resourceType: "resource.type", resourceId: "resource.id" };

/**
 * The context of a denial for an evaluation that cannot be decided. AuthZEN reserves errors for malformed payloads (10.1.2), so an error of
 * the check API becomes a denial. Undefined if the evaluation did not cause the error.
 */
export function refusalOf(thrown: unknown): Facts | undefined {
  const error = asOperationError(thrown);
  const code = error instanceof OperationError ? codes.get(error.definition) : undefined;
  if (code === undefined) return undefined;
  const { definition, details } = error as OperationError;
  const mapped = details.map((detail) => (detail.field === undefined ? detail : { ...detail, field: names[detail.field] ?? detail.field }));
  return { reason_code: code, reason: definition.message, ...(mapped.length > 0 ? { details: mapped } : {}) };
}

/** Whether the error is about an undefined permission or resource type. */
export function isUnknownName(thrown: unknown): boolean {
  const error = asOperationError(thrown);
  return error instanceof OperationError && (error.definition === UnknownPermission || error.definition === UnknownResourceType);
}

/** The context for a subject whose type or id is neither a user's nor a service account's. */
export const unknownSubject: Facts = { reason_code: "unknown_subject", reason: "The subject is neither a user nor a service account." };
