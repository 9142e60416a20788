import { randomUUID } from "node:crypto";
import type { Organization } from "../fixture.ts";
import type { HttpRequest } from "../lib/http.ts";

export const checkPath = "/api/v1/iam/authorization/check";
export const checkBatchPath = "/api/v1/iam/authorization/check-batch";

/** A check of one of many products, so that consecutive checks differ. */
export function checkBody(organization: Organization, index: number): Record<string, unknown> {
  return {
    userId: organization.member.userId,
    tenantId: organization.id,
    actionType: index % 2 === 0 ? "Product.Create" : "Product.Read",
    resourceType: "Product",
    resourceId: randomUUID(),
  };
}

/** The member checks their own rights, with their session. */
export function asMember(organization: Organization, path: string, body: unknown): HttpRequest {
  return {
    method: "POST",
    path,
    headers: { authorization: `Bearer ${organization.member.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}
