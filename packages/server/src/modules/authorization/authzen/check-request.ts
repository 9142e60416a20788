import type { HolderKind } from "#modules/authorization/access/index.ts";
import type { CheckRequest, ExpectedSubject } from "#modules/authorization/decisions/index.ts";
import { invalid, type OperationError } from "#operation/declaration/errors.ts";
import { organizationOf, type Principal } from "#operation/declaration/principal.ts";
import type { Action, Evaluation, Facts, Resource, Subject } from "./entities.ts";

/** The supported types of subjects: users and service accounts. Their ids are those of the API. */
const subjectTypes: readonly string[] = ["user", "service"] satisfies readonly HolderKind[];
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The kind of a subject of this type; undefined for an unsupported type. */
export const kindOf = (type: string): HolderKind | undefined => (subjectTypes.includes(type) ? (type as HolderKind) : undefined);

/** The subject of a check. A subject of the other kind counts as a non-member. */
export interface CheckSubject {
  readonly userId: string;
  readonly subjectKind: HolderKind;
}

/** The user or service account that a subject names, its id in lower case as stored; undefined if the subject is neither. */
export function subjectOf({ type, id }: Pick<Subject, "type" | "id">): CheckSubject | undefined {
  const subjectKind = kindOf(type);
  return subjectKind !== undefined && uuid.test(id) ? { userId: id.toLowerCase(), subjectKind } : undefined;
}

/**
 * The tenant of an evaluation, for which AuthZEN has no member. It is the subject's property `tenantId`, else the credential's organization,
 * else the internal scope. A credential of one organization that names another tenant counts as a non-member there (decision 0014): the
 * evaluation never falls back to its own organization. Throws `common.validation_failed` if the property is not an id.
 */
export function tenantOf(properties: Facts | null | undefined, principal: Principal): string | null {
  const named = properties?.["tenantId"] ?? null;
  if (named === null) return organizationOf(principal);
  if (typeof named === "string" && uuid.test(named)) return named.toLowerCase();
  throw invalid({ field: "subject.properties.tenantId", rule: "format:uuid", message: "is not the id of an organization" });
}

/** The limit of resource names in grants and the check API. A longer one would only fill the cache. */
const nameMax = 255;

/** The issue of a resource that is not passed to the engine at all. */
export function issueOf({ type, id }: { readonly type: string; readonly id?: string }): OperationError | undefined {
  const long = [...(type.length > nameMax ? ["resource.type"] : []), ...(id !== undefined && id.length > nameMax ? ["resource.id"] : [])];
  if (long.length === 0) return undefined;
  return invalid(...long.map((field) => ({ field, rule: "maxLength", message: `must not be longer than ${nameMax} characters` })));
}

/**
 * `$request`: the context, and the properties of the action under `action`. The subject's properties are ignored: the projection is the
 * authority on users, not the caller.
 */
export function requestOf(context: Facts | null | undefined, action?: Action): Facts {
  const { properties } = action ?? {};
  if (!properties) return context ?? {};
  if (!context) return { action: properties };
  // Both may be large defaults that a thousand evaluations share.
  const known = requests.get(context);
  if (known?.["action"] === properties) return known;
  const request = { ...context, action: properties };
  requests.set(context, request);
  return request;
}
/** The last request that was built from a context. */
const requests = new WeakMap<Facts, Facts>();

/** An evaluation as a request of the check API. */
export const checkOf = (
  { action, resource, context }: Pick<Evaluation, "action" | "resource"> & { readonly context?: Facts | null | undefined },
  about: CheckSubject & { readonly tenantId: string | null },
): CheckRequest & ExpectedSubject => ({
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
