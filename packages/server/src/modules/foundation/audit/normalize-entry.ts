import { readTimestamp } from "#platform/timestamp.ts";
import type { CompleteEntry } from "./complete-entry.ts";
import { addressPerson, type Person, unknownPerson, userPerson } from "./person-keys.ts";
import type { RecordRow } from "./record.ts";

/** An entry in the form of a record, before it is appended to a chain. */
export type NormalizedEntry = Omit<RecordRow, "number" | "previous_hash" | "hash" | "recorded_at" | "personal_hashes"> & {
  /** Personal data by data subject. */
  readonly personal: ReadonlyMap<Person, Record<string, unknown>>;
};

/** The source of Gatehouse's own records; an application that records events has another name. */
export const ownSource = "gatehouse";

/** The operation that records an application's event: its audit entry is the event. */
export const recordEventName = "audit.recordEvent";

export const normalizeEntry = (entry: CompleteEntry, pepper: string): NormalizedEntry =>
  entry.operation === recordEventName && entry.result === "success" ? ofApplication(entry) : ofGatehouse(entry, pepper);

const shared = (entry: CompleteEntry) => ({
  organization_id: entry.organization_id,
  id: entry.id,
  transaction: entry.transaction,
  operation: entry.operation,
  result: entry.result,
  reason: entry.reason,
  session_id: entry.session_id,
  principal_kind: entry.principal_kind,
  principal_id: entry.principal_id,
  credential_kind: entry.credential_kind,
  credential_id: entry.credential_id,
  trace_id: entry.trace_id,
  request_id: entry.request_id,
  stands_for: entry.stands_for,
});

function ofGatehouse(entry: CompleteEntry, pepper: string): NormalizedEntry {
  const { input, before, after } = entry;
  return {
    ...shared(entry),
    occurred_at: entry.occurred_at,
    source: ownSource,
    action: entry.action,
    category: entry.category,
    severity: entry.severity,
    ...actorOf(entry),
    entity_type: entry.entity_type,
    entity_id: entry.entity_id,
    details: JSON.stringify({ input, ...(before === null ? {} : { before }), ...(after === null ? {} : { after }) }),
    personal: personalOf(entry, pepper),
  };
}

/** Who acted: a delegate, else the principal itself. */
export const actorOf = ({
  actor_kind,
  actor_id,
  principal_kind,
  principal_id,
}: Pick<CompleteEntry, "actor_kind" | "actor_id" | "principal_kind" | "principal_id">) =>
  actor_kind === null ? { actor_kind: principal_kind, actor_id: principal_id } : { actor_kind, actor_id };

/** Personal data of the input belongs to the affected user, else to the e-mail address in it. IP address and user agent belong to the actor. */
function personalOf(entry: CompleteEntry, pepper: string): NormalizedEntry["personal"] {
  const given = entry.personal?.input ?? {};
  const address = Object.entries(given).find(([at, value]) => /(^|\.)email$/.test(at) && typeof value === "string")?.[1];
  const named = entry.entity_type === "User" && entry.entity_id !== null ? userPerson(entry.entity_id) : undefined;
  const addressed = address === undefined ? undefined : addressPerson(address as string, pepper);
  const { actor_kind, actor_id } = actorOf(entry);
  const caller = actor_kind === "user" && actor_id !== null ? userPerson(actor_id) : (named ?? addressed ?? unknownPerson);
  const byPerson = new Map<Person, Record<string, unknown>>();
  const add = (person: Person, fields: Record<string, unknown>): void => {
    const known = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
    if (known.length > 0) byPerson.set(person, { ...byPerson.get(person), ...Object.fromEntries(known) });
  };
  add(caller, { ipAddress: entry.ip_address, userAgent: entry.user_agent });
  add(named ?? addressed ?? caller, { ...entry.personal });
  return byPerson;
}

interface ApplicationEvent {
  readonly source: string;
  readonly action: string;
  readonly category?: string;
  readonly severity?: string;
  readonly result?: string;
  readonly failureReason?: string;
  readonly userId?: string;
  readonly sessionId?: string;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly timestamp?: string;
  readonly details?: unknown;
}

/** An entry of an older release may have a timestamp that cannot be stored. Then the record has the entry's time, and its details the text. */
function timeOf({ timestamp }: ApplicationEvent, entry: CompleteEntry): Date {
  const read = timestamp === undefined ? undefined : readTimestamp(timestamp);
  return read === undefined ? entry.occurred_at : new Date(read);
}

function ofApplication(entry: CompleteEntry): NormalizedEntry {
  const event = entry.input as unknown as ApplicationEvent;
  const recorder = entry.principal_kind === "user" ? entry.principal_id : null;
  const personId = event.userId ?? recorder;
  const person = personId === null ? unknownPerson : userPerson(personId);
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
      recordedBy: entry.principal_id,
      ...(event.sessionId === undefined ? {} : { sessionId: event.sessionId }),
      ...(event.timestamp === undefined || readTimestamp(event.timestamp) !== undefined ? {} : { timestamp: event.timestamp }),
      ...(event.details === undefined ? {} : { details: event.details }),
    }),
    personal: entry.personal === null ? new Map() : new Map([[person, entry.personal.input ?? {}]]),
  };
}
