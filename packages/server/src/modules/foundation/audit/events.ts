import { auditCategories, auditSeverities } from "#operation/declaration/audit-declaration.ts";
import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, oneOf, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** The event that an external audit log management consumes. Personal data is masked or left out. */
export const AuditLogRequested = defineEvent({
  type: "audit-log.requested.v1",
  summary: "A record was appended to the audit log and is forwarded to the audit log management.",
  subject: ["audit-record", "recordId"],
  tenant: "tenantId",
  data: Type.Object({
    recordId: Uuid,
    timestamp: Timestamp,
    initiator: Type.Object({ type: oneOf("User", "System"), id: Type.String() }),
    boundedContext: Type.String(),
    actionType: Type.String(),
    category: oneOf(...auditCategories),
    severity: oneOf(...auditSeverities),
    entityType: nullable(Type.String()),
    entityId: nullable(Type.String()),
    tenantId: nullable(Uuid),
    contextData: Type.Record(Type.String(), Type.Unknown()),
    status: oneOf("Success", "Failure"),
    failureReason: nullable(Type.String()),
    issuedAt: Timestamp,
  }),
});

export const events = [AuditLogRequested];
