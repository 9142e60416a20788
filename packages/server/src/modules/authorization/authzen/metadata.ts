import type { Operation } from "#operation/declaration/operation.ts";

/** The names of endpoints in the metadata (9.1.1). */
const endpoints = {
  access_evaluation_endpoint: "/access/v1/evaluation",
  access_evaluations_endpoint: "/access/v1/evaluations",
  search_subject_endpoint: "/access/v1/search/subject",
  search_resource_endpoint: "/access/v1/search/resource",
  search_action_endpoint: "/access/v1/search/action",
} as const;

export const authzenMetadataPath = "/.well-known/authzen-configuration";

/**
 * AuthZEN 1.0, metadata (9): the identifier of the decision point and its served endpoints. The identifier is the public URL, an origin
 * without a trailing slash, because the metadata's address must be derived from it (9.2.3).
 */
export function authzenMetadata(operations: readonly Operation[], publicUrl: string): Readonly<Record<string, string>> {
  const served = new Set(operations.map(({ http }) => http));
  const listed = Object.entries(endpoints).filter(([, path]) => served.has(`POST ${path}`));
  return { policy_decision_point: publicUrl, ...Object.fromEntries(listed.map(([name, path]) => [name, `${publicUrl}${path}`])) };
}
