import type { Operation } from "#operation/declaration/operation.ts";

/** 9.1.1: what an endpoint is called in the metadata. */
const endpoints = {
  access_evaluation_endpoint: "/access/v1/evaluation",
  access_evaluations_endpoint: "/access/v1/evaluations",
  search_subject_endpoint: "/access/v1/search/subject",
  search_resource_endpoint: "/access/v1/search/resource",
  search_action_endpoint: "/access/v1/search/action",
} as const;

export const authzenMetadataPath = "/.well-known/authzen-configuration";

/**
 * AuthZEN 1.0, metadata (9): where the decision point is, and of its endpoints those that are served. The identifier is the public
 * URL itself, an origin without a slash at its end, so that it is the one that the address of the metadata was made from (9.2.3).
 */
export function authzenMetadata(operations: readonly Operation[], publicUrl: string): Readonly<Record<string, string>> {
  const served = new Set(operations.map(({ http }) => http));
  const listed = Object.entries(endpoints).filter(([, path]) => served.has(`POST ${path}`));
  return { policy_decision_point: publicUrl, ...Object.fromEntries(listed.map(([name, path]) => [name, `${publicUrl}${path}`])) };
}
