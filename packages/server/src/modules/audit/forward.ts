import { v7 as uuid } from "uuid";
import type { NewEvent } from "../../platform/log/event.ts";
import { ownSource } from "./described.ts";
import { AuditLogRequested } from "./events.ts";
import type { RecordRow } from "./record.ts";

/**
 * A record as the event that an audit log management takes (S3 §26.3). Names, addresses and whatever else is a person's stay here:
 * an event that was handed on cannot be forgotten.
 */
export const forwarded = (row: RecordRow): NewEvent => ({
  id: uuid(),
  type: AuditLogRequested.type,
  subject: `audit-record/${row.id}`,
  organizationId: row.organization_id,
  data: {
    recordId: row.id,
    timestamp: row.occurred_at.toISOString(),
    initiator: row.actor_kind === "user" ? { type: "User", id: row.actor_id ?? "unknown" } : { type: "System", id: row.actor_kind },
    boundedContext: row.source === ownSource ? "IAM" : row.source,
    actionType: row.action,
    category: row.category,
    severity: row.severity,
    entityType: row.entity_type,
    entityId: row.entity_id,
    tenantId: row.organization_id,
    contextData: {
      ...(JSON.parse(row.details) as object),
      sessionId: row.session_id,
      traceId: row.trace_id,
      requestId: row.request_id,
      number: row.number,
      standsFor: row.stands_for,
    },
    status: row.result === "success" ? "Success" : "Failure",
    failureReason: row.reason,
    issuedAt: row.recorded_at.toISOString(),
  },
});
