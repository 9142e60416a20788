import { PolicyError } from "@gatehouse/policy";
import { type ErrorDetail, invalid, OperationError } from "#operation/declaration/errors.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { EvaluationLimit, UnknownPermission, UnknownRelation, UnknownResourceType } from "./errors.ts";

/** How a request names what the engine speaks of: `action` is `actionType` in a check. */
export type FieldNames = Readonly<Record<string, string>>;

export const checkFields: FieldNames = { action: "actionType", "resource.type": "resourceType", resource: "resourceId" };

const definitions = {
  unknown_permission: UnknownPermission,
  unknown_resource_type: UnknownResourceType,
  unknown_relation: UnknownRelation,
  evaluation_limit: EvaluationLimit,
} as const;

/** The engine's error as the API tells it; anything else as it is. `prefix` is the place of the question in a batch. */
export function asOperationError(error: unknown, fields: FieldNames = checkFields, prefix = ""): unknown {
  if (!(error instanceof PolicyError)) return error;
  const details = error.issues.map((issue): ErrorDetail => ({ ...issue, field: `${prefix}${fields[issue.field] ?? issue.field}` }));
  if (error.code === "invalid_input" || error.code === "invalid_definition") return invalid(...details);
  return new OperationError(definitions[error.code], details);
}

/** Runs `work` and tells the engine's errors as the API does, whether it answers at once or later. */
export function withOperationErrors<Answer, Next>(
  work: () => MaybePromise<Answer>,
  next: (answer: Answer) => MaybePromise<Next>,
  fields: FieldNames = checkFields,
): MaybePromise<Next> {
  const tell = (error: unknown): never => {
    throw asOperationError(error, fields);
  };
  try {
    const answer = work();
    return answer instanceof Promise ? answer.then(next).catch(tell) : after(answer, next);
  } catch (error) {
    return tell(error);
  }
}
