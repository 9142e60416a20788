import { defineEvent } from "#operation/event.ts";
import { nullable, oneOf, Timestamp, Type, Uuid } from "#operation/schema.ts";
import { categories, severities } from "./actions.ts";

/** What an audit log management listens to: S3 §26.3's AuditLogRequestedEvent. Personal data is masked or left out. */
export const AuditLogRequested = defineEvent({
  type: "audit-log.requested.v1",
  says: "A record was sealed into the audit trail and is handed on to the audit log management (S3 §26.3).",
  subject: ["audit-record", "recordId"],
  tenant: "tenantId",
  data: Type.Object({
    recordId: Uuid,
    timestamp: Timestamp,
    initiator: Type.Object({ type: oneOf("User", "System"), id: Type.String() }),
    boundedContext: Type.String(),
    actionType: Type.String(),
    category: oneOf(...categories),
    severity: oneOf(...severities),
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
