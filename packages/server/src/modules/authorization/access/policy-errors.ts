import { PolicyError } from "@gatehouse/policy";
import { type ErrorDetail, invalid, OperationError } from "#operation/declaration/errors.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { EvaluationLimit, UnknownPermission, UnknownRelation, UnknownResourceType } from "./errors.ts";

/** Maps the engine's field names to those of a request: `action` is `actionType` in a check. */
export type FieldNames = Readonly<Record<string, string>>;

export const checkFields: FieldNames = { action: "actionType", "resource.type": "resourceType", resource: "resourceId" };

const definitions = {
  unknown_permission: UnknownPermission,
  unknown_resource_type: UnknownResourceType,
  unknown_relation: UnknownRelation,
  evaluation_limit: EvaluationLimit,
} as const;

/** Converts an error of the engine to an API error; returns any other unchanged. `prefix` is the path of the check in a batch. */
export function asOperationError(error: unknown, fields: FieldNames = checkFields, prefix = ""): unknown {
  if (!(error instanceof PolicyError)) return error;
  const details = error.issues.map((issue): ErrorDetail => ({ ...issue, field: `${prefix}${fields[issue.field] ?? issue.field}` }));
  if (error.code === "invalid_input" || error.code === "invalid_definition") return invalid(...details);
  return new OperationError(definitions[error.code], details);
}

/** Runs `work` and converts the engine's errors to API errors, whether it returns a value or a promise. */
export function withOperationErrors<Answer, Next>(
  work: () => MaybePromise<Answer>,
  next: (answer: Answer) => MaybePromise<Next>,
  fields: FieldNames = checkFields,
): MaybePromise<Next> {
  const rethrow = (error: unknown): never => {
    throw asOperationError(error, fields);
  };
  try {
    const answer = work();
    return answer instanceof Promise ? answer.then(next).catch(rethrow) : after(answer, next);
  } catch (error) {
    return rethrow(error);
  }
}
