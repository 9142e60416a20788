import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import { isolateFailures } from "#platform/database/isolated.ts";
import type { DeadLetters } from "#platform/dead-letters.ts";
import { deadLetterRecords, recordDeadLetters, redrivenRecords, resolveRecords } from "#platform/dead-letters.ts";
import type { NewEvent } from "#platform/log/event.ts";
import type { Publisher } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";
import { AuditLogRequested } from "./events.ts";
import { ownSource } from "./normalize-entry.ts";
import type { RecordRow } from "./record.ts";
import { auditStore } from "./store.ts";

/** The dead-letter queue of records that could not be forwarded, by record id. */
export const forwardConsumer = "audit.forward-records";

/**
 * A record as an event for an external audit log management. Leaves out names, addresses and other personal data: a forwarded event
 * cannot be erased.
 */
export const forwarded = (row: RecordRow): NewEvent => ({
  id: uuid(),
  type: AuditLogRequested.type,
  subject: `audit-record/${row.id}`,
  organizationId: row.organization_id,
  data: {
    recordId: row.id,
    timestamp: row.occurred_at.toISOString(),
    initiator:
      row.actor_kind === "user" ? { type: "User", id: row.actor_id ?? "unknown" } : { type: "System", id: row.actor_id ?? row.actor_kind },
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
      ...(row.principal_kind === null ? {} : { principal: { kind: row.principal_kind, id: row.principal_id } }),
      ...(row.credential_kind === null ? {} : { credential: { kind: row.credential_kind, id: row.credential_id } }),
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

/**
 * Appends the events of new and of redriven records, in the chain appender's transaction. An event that cannot be appended becomes a dead
 * letter; its record stays in the chain. Returns the appended events.
 */
export async function forward(
  tx: WriteHandle,
  publisher: Publisher,
  records: readonly RecordRow[],
  now: Date,
): Promise<readonly NewEvent[]> {
  const ids = await redrivenRecords(tx, forwardConsumer, redrivenMax);
  const again = await auditStore.reads(tx).recordsById(ids);
  const { done, failed } = await isolateFailures(tx, [...records, ...again], (some) =>
    publisher.append(tx, some.map(forwarded), { occurredAt: now, traceparent: null }),
  );
  await resolveRecords(tx, forwardConsumer, ids);
  const letters = failed.map(({ item: { id, action, details }, error }) => ({ id, topic: action, body: details, error }));
  await deadLetterRecords(tx, forwardConsumer, letters);
  return done;
}

/** Redriven records of one step, in addition to the new ones. */
const redrivenMax = 200;

/** Records that could not be forwarded. The next step of the chain appender forwards a redriven one. */
export const unforwarded = ({ database }: Platform): DeadLetters => recordDeadLetters(database, forwardConsumer);
