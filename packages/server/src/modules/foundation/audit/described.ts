import { readTimestamp } from "#platform/timestamp.ts";
import { actionOf, type Severity, severityOf } from "./actions.ts";
import { addressPerson, nobody, type Person, userPerson } from "./person-keys.ts";
import type { RecordRow } from "./record.ts";
import type { EntryRow } from "./sealing-store.ts";

/** What a record says of itself, before it has its place in a chain. */
export type Described = Omit<RecordRow, "number" | "previous_hash" | "hash" | "recorded_at" | "personal_hashes"> & {
  /** Personal data by whose it is. */
  readonly personal: ReadonlyMap<Person, Record<string, unknown>>;
};

/** What Gatehouse's own records come from; an application that records events has another name. */
export const ownSource = "gatehouse";

/** The operation by which applications record events of their own: its entry is the event. */
export const recordEventName = "audit.recordEvent";

/** Makes an entry what the trail says of it. */
export const describe = (entry: EntryRow, pepper: string): Described =>
  entry.operation === recordEventName && entry.result === "success" ? ofApplication(entry) : ofGatehouse(entry, pepper);

const shared = (entry: EntryRow) => ({
  organization_id: entry.organization_id,
  id: entry.id,
  transaction: entry.transaction,
  operation: entry.operation,
  result: entry.result,
  reason: entry.reason,
  session_id: entry.session_id,
  trace_id: entry.trace_id,
  request_id: entry.request_id,
  stands_for: entry.stands_for,
});

function ofGatehouse(entry: EntryRow, pepper: string): Described {
  const { action, category, severity, entity, byHimself } = actionOf(entry.operation, entry.result);
  const himself = byHimself && entry.caller_kind === "anonymous" && entry.result === "success" ? entry.entity_id : null;
  const { input, before, after } = entry;
  const entityType = entry.entity_type ?? (entry.entity_id === null ? null : (entity ?? null));
  return {
    ...shared(entry),
    occurred_at: entry.occurred_at,
    source: ownSource,
    action,
    category,
    severity: severityOf(severity, entry.result),
    actor_kind: himself === null ? entry.caller_kind : "user",
    actor_id: himself ?? entry.user_id,
    entity_type: entityType,
    entity_id: entry.entity_id,
    details: JSON.stringify({ input, ...(before === null ? {} : { before }), ...(after === null ? {} : { after }) }),
    personal: personalOf(entry, entityType, pepper),
  };
}

/** What came with the input is the user's that is acted on, else whose address stands in it; where it came from, the caller's. */
function personalOf(entry: EntryRow, entityType: string | null, pepper: string): Described["personal"] {
  const given = entry.personal?.input ?? {};
  const address = Object.entries(given).find(([at, value]) => /(^|\.)email$/.test(at) && typeof value === "string")?.[1];
  const named = entityType === "User" && entry.entity_id !== null ? userPerson(entry.entity_id) : undefined;
  const addressed = address === undefined ? undefined : addressPerson(address as string, pepper);
  const caller = entry.user_id === null ? (named ?? addressed ?? nobody) : userPerson(entry.user_id);
  const parts = new Map<Person, Record<string, unknown>>();
  const add = (person: Person, fields: Record<string, unknown>): void => {
    const known = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
    if (known.length > 0) parts.set(person, { ...parts.get(person), ...Object.fromEntries(known) });
  };
  add(caller, { ipAddress: entry.ip_address, userAgent: entry.user_agent });
  add(named ?? addressed ?? caller, { ...entry.personal });
  return parts;
}

interface ApplicationEvent {
  readonly source: string;
  readonly action: string;
  readonly category?: string;
  readonly severity?: Severity;
  readonly result?: string;
  readonly failureReason?: string;
  readonly userId?: string;
  readonly sessionId?: string;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly timestamp?: string;
  readonly details?: unknown;
}

/** An entry of an older release may have a time that cannot be held; it is sealed with its own, and the details keep the text. */
function timeOf({ timestamp }: ApplicationEvent, entry: EntryRow): Date {
  const read = timestamp === undefined ? undefined : readTimestamp(timestamp);
  return read === undefined ? entry.occurred_at : new Date(read);
}

function ofApplication(entry: EntryRow): Described {
  const event = entry.input as unknown as ApplicationEvent;
  const person = event.userId === undefined ? (entry.user_id === null ? nobody : userPerson(entry.user_id)) : userPerson(event.userId);
  return {
    ...shared(entry),
    occurred_at: timeOf(event, entry),
    source: event.source,
    action: event.action,
    category: event.category ?? "Business",
    severity: event.severity ?? "Info",
    result: event.result ?? "success",
    reason: event.failureReason ?? null,
    actor_kind: event.userId === undefined ? "application" : "user",
    actor_id: event.userId ?? null,
    entity_type: event.entityType ?? null,
    entity_id: event.entityId ?? null,
    details: JSON.stringify({
      recordedBy: entry.user_id,
      ...(event.sessionId === undefined ? {} : { sessionId: event.sessionId }),
      ...(event.timestamp === undefined || readTimestamp(event.timestamp) !== undefined ? {} : { timestamp: event.timestamp }),
      ...(event.details === undefined ? {} : { details: event.details }),
    }),
    personal: entry.personal === null ? new Map() : new Map([[person, entry.personal.input ?? {}]]),
  };
}
