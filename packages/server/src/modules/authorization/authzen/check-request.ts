import type { CheckRequest } from "#modules/authorization/decisions/index.ts";
import { invalid, type OperationError } from "#operation/declaration/errors.ts";
import { organizationOf, type Principal } from "#operation/declaration/principal.ts";
import type { Action, Evaluation, Facts, Resource, Subject } from "./entities.ts";

/** The one type of subject that there is; its id is the user's. */
export const userType = "user";
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of the user that a subject is, as memory and database write it; undefined for whatever is no user. */
export const userOf = ({ type, id }: Pick<Subject, "type" | "id">): string | undefined =>
  type === userType && uuid.test(id) ? id.toLowerCase() : undefined;

/**
 * The tenant that a question is about. AuthZEN has no member for it. It is the session's organization; a session without one may
 * name the tenant by the subject's property `tenantId`, and asks about the internal scope where it does not. A session with an
 * organization that names another counts as a non-member there (decision 0014): it is never answered about its own instead.
 * Throws `common.validation_failed` where the property is no id.
 */
export function tenantOf(properties: Facts | null | undefined, principal: Principal): string | null {
  const named = properties?.["tenantId"] ?? null;
  if (named === null) return organizationOf(principal);
  if (typeof named === "string" && uuid.test(named)) return named.toLowerCase();
  throw invalid({ field: "subject.properties.tenantId", rule: "format:uuid", message: "is not the id of an organization" });
}

/** What grants and the check API bound a resource's names at; a longer one would only fill memory. */
const nameMax = 255;

/** What keeps a question from being asked at all, as the engine would say it. */
export function issueOf({ type, id }: { readonly type: string; readonly id?: string }): OperationError | undefined {
  const long = [...(type.length > nameMax ? ["resource.type"] : []), ...(id !== undefined && id.length > nameMax ? ["resource.id"] : [])];
  if (long.length === 0) return undefined;
  return invalid(...long.map((field) => ({ field, rule: "maxLength", message: `must not be longer than ${nameMax} characters` })));
}

/**
 * `$request`: the context, and below `action` the properties of the action. The subject's own properties are ignored: the caller
 * says them about a user of whom the projection knows more.
 */
export function requestOf(context: Facts | null | undefined, action?: Action): Facts {
  const { properties } = action ?? {};
  if (!properties) return context ?? {};
  if (!context) return { action: properties };
  // Both may be the defaults of a thousand questions, and large.
  const known = requests.get(context);
  if (known?.["action"] === properties) return known;
  const request = { ...context, action: properties };
  requests.set(context, request);
  return request;
}
/** The last request that was made of a context. */
const requests = new WeakMap<Facts, Facts>();

/** A question as the check API has it. */
export const checkOf = (
  { action, resource, context }: Pick<Evaluation, "action" | "resource"> & { readonly context?: Facts | null | undefined },
  about: { readonly userId: string; readonly tenantId: string | null },
): CheckRequest => ({
  ...about,
  actionType: action.name,
  ...resourceOf(resource),
  contextData: requestOf(context, action),
});

export const resourceOf = ({ type, id, properties }: Resource) => ({
  resourceType: type,
  resourceId: id,
  resourceData: properties ?? null,
});
