import type { Decision } from "@gatehouse/policy";
import type { Caller } from "../../operation/caller.ts";
import type { MaybePromise } from "../../operation/maybe-promise.ts";
import { nullable, oneOf, RevisionInput, type Static, Type, Uuid } from "../../operation/schema.ts";
import { PermissionValue } from "./model.ts";
import type { AccessReader } from "./read-model/reader.ts";

/** S3 §8, the request of the authorization check; `minRevision` is ours (docs/contract.md). */
export const CheckRequest = Type.Object({
  userId: Uuid,
  tenantId: Type.Optional(nullable(Uuid)),
  actionType: PermissionValue,
  resourceType: Type.Optional(nullable(Type.String({ maxLength: 255 }))),
  resourceId: Type.Optional(nullable(Type.String({ maxLength: 255 }))),
  contextData: Type.Optional(nullable(Type.Record(Type.String(), Type.Unknown()))),
  minRevision: Type.Optional(RevisionInput),
});
export type CheckRequest = Static<typeof CheckRequest>;

/** The part that decided, in one word beside S3's sentence. */
export const ReasonCode = oneOf(
  "role",
  "not_a_member",
  "user_inactive",
  "organization_suspended",
  "missing_permission",
  "permission_data_unavailable",
);

/** S3 §8, the answer of the authorization check. */
export const CheckAnswer = Type.Object({
  isAuthorized: Type.Boolean(),
  reason: Type.String(),
  reasonCode: ReasonCode,
  missingPermissions: Type.Array(Type.String()),
  applicableEntitlements: Type.Record(Type.String(), Type.Unknown()),
  decisionId: Uuid,
  revision: Type.String(),
});
export type CheckAnswer = Static<typeof CheckAnswer>;

/** The sentence of S3 §8, for a person who looks at a log or a test. */
export function sentenceOf(decision: Decision, action: string): string {
  switch (decision.reason) {
    case "role":
      return `Allowed by role '${decision.role?.name}'`;
    case "not_a_member":
      return "Denied: the user has no role in this scope";
    case "user_inactive":
      return "Denied: the user is not active";
    case "organization_suspended":
      return "Denied: the organization is not active";
    case "missing_permission":
      return `Denied: no role of the user gives '${action}'`;
    case "permission_data_unavailable":
      return "Denied: permission data not available";
  }
}

const notHere: Decision = { allowed: false, reason: "not_a_member" };

/** A session that was begun for one organization is a stranger's everywhere else (decision 0014), also in what it may ask. */
const asksElsewhere = (caller: Caller, tenantId: string | null): boolean =>
  caller.kind === "user" && caller.organizationId !== null && caller.organizationId !== tenantId;

export function decideFor(reader: AccessReader, request: CheckRequest, caller: Caller): MaybePromise<Decision> {
  const tenantId = request.tenantId ?? null;
  if (asksElsewhere(caller, tenantId)) return notHere;
  const { minRevision } = request;
  return reader.decide(request.userId, tenantId, request.actionType, minRevision === undefined ? undefined : String(minRevision));
}

export const answerOf = (decision: Decision, request: CheckRequest, revision: string): CheckAnswer => ({
  isAuthorized: decision.allowed,
  reason: sentenceOf(decision, request.actionType),
  reasonCode: decision.reason,
  missingPermissions: decision.reason === "missing_permission" || decision.reason === "not_a_member" ? [request.actionType] : [],
  applicableEntitlements: {},
  decisionId: crypto.randomUUID(),
  revision,
});
