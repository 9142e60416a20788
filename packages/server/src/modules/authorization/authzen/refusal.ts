import { asOperationError, EvaluationLimit, UnknownPermission, UnknownResourceType } from "#modules/authorization/access/index.ts";
import { type ErrorDefinition, OperationError, ValidationFailed } from "#operation/declaration/errors.ts";
import type { Facts } from "./entities.ts";

const codes: ReadonlyMap<ErrorDefinition, string> = new Map<ErrorDefinition, string>([
  [ValidationFailed, "invalid_input"],
  [UnknownPermission, "unknown_permission"],
  [UnknownResourceType, "unknown_resource_type"],
  [EvaluationLimit, "evaluation_limit"],
]);

/** The check API's names, as the engine's errors come out of it, in AuthZEN's. */
const names: Readonly<Record<string, string>> = { actionType: "action.name", resourceType: "resource.type", resourceId: "resource.id" };

/**
 * Why a question has no answer but no. The standard has a decision for what it cannot decide, and errors for faulty payloads alone
 * (10.1.2), so what the check API refuses is here a context. Undefined for what is no fault of the question.
 */
export function refusalOf(thrown: unknown): Facts | undefined {
  const error = asOperationError(thrown);
  const code = error instanceof OperationError ? codes.get(error.definition) : undefined;
  if (code === undefined) return undefined;
  const { definition, details } = error as OperationError;
  const told = details.map((detail) => (detail.field === undefined ? detail : { ...detail, field: names[detail.field] ?? detail.field }));
  return { reason_code: code, reason: definition.message, ...(told.length > 0 ? { details: told } : {}) };
}

/** Whether what was thrown says that nobody has defined a name of the question's. */
export function isUnknownName(thrown: unknown): boolean {
  const error = asOperationError(thrown);
  return error instanceof OperationError && (error.definition === UnknownPermission || error.definition === UnknownResourceType);
}

/** A type or an id that no user has. */
export const unknownSubject: Facts = { reason_code: "unknown_subject", reason: "The subject is neither a user nor a service account." };
