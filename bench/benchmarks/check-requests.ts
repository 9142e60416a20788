import { randomUUID } from "node:crypto";
import type { Organization } from "../fixture.ts";
import type { HttpRequest } from "../lib/http.ts";

export const checkPath = "/api/v1/iam/authorization/check";
export const checkBatchPath = "/api/v1/iam/authorization/check-batch";

/** A question about one product of many, so that no answer is the answer to the question before. */
export function checkBody(organization: Organization, index: number): Record<string, unknown> {
  return {
    userId: organization.member.userId,
    tenantId: organization.id,
    actionType: index % 2 === 0 ? "Product.Create" : "Product.Read",
    resourceType: "Product",
    resourceId: randomUUID(),
  };
}

/** The member asks about themselves, with their session. */
export function asMember(organization: Organization, path: string, body: unknown): HttpRequest {
  return {
    method: "POST",
    path,
    headers: { authorization: `Bearer ${organization.member.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}
