import type { LoggedEvent } from "../log/event.ts";
import { readTimestamp } from "../timestamp.ts";

/** What every event has that comes or goes through a broker (CloudEvents 1.0, JSON format). */
export interface Envelope {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  /** With its version: `membership.removed.v1`. */
  readonly type: string;
  /** The aggregate, as `organization/0198…`: messages of one subject keep their order. */
  readonly subject?: string;
  /** ISO 8601, UTC. */
  readonly time?: string;
  /** The trace that it was caused in (W3C Trace Context, as the CloudEvents extension "Distributed Tracing" has it). */
  readonly traceparent?: string;
  readonly data?: unknown;
}

/**
 * An event as the outside gets it: CloudEvents 1.0 in the JSON format, with the extensions of docs/contract.md, "Events". Names
 * of extensions are in small letters, and an attribute that has no value is left out (CloudEvents 1.0 §3.1).
 */
export interface CloudEvent extends Envelope {
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** The organization; absent where the event belongs to none. */
  readonly tenantid?: string;
  /** Of the write that caused it; a check takes it as `minRevision`. Text, as it is larger than CloudEvents' integers. */
  readonly revision: string;
  /** The version that `type` ends in, alone. */
  readonly schemaversion: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** CloudEvents 1.0, "JSON Event Format", 3.1. */
export const cloudEventType = "application/cloudevents+json";

/** `source` names the installation that the event happened in: its public address. */
export function toCloudEvent(event: LoggedEvent, source: string): CloudEvent {
  return {
    specversion: "1.0",
    id: event.id,
    source,
    type: event.type,
    subject: event.subject,
    time: event.occurredAt.toISOString(),
    datacontenttype: "application/json",
    ...(event.organizationId === null ? {} : { tenantid: event.organizationId }),
    revision: event.position.transaction,
    ...(event.traceparent === null ? {} : { traceparent: event.traceparent }),
    schemaversion: versionOf(event.type),
    data: event.data,
  };
}

/** The version at the end of a type; a type without one is of the first. */
export const versionOf = (type: string): string => /\.v(\d+)$/.exec(type)?.[1] ?? "1";

/**
 * What consumers subscribe to: the type without its version, the form of routing keys (`subscription.activated`). A
 * second version of an event comes by the same way as the first; `type` and `schemaversion` tell them apart.
 */
export const topicOf = (type: string): string => type.replace(/\.v\d+$/, "");

/** Messages of one key are handled in order. */
export const keyOf = (event: Envelope): string => event.subject ?? event.id;

/**
 * Most bytes of an attribute of an event from outside. `id` and `type` are short texts of AMQP 0-9-1 (255 bytes); `source` and `id`
 * together are a row's key in the inbox, of which a B-tree of PostgreSQL takes 2,700 bytes and the commands 1,000 characters.
 */
const attributeBytesMax = { id: 255, type: 255, source: 700, subject: 1_000, time: 64, traceparent: 255 } as const;
const required: readonly string[] = ["id", "source", "type"];
/** Not in a text of CloudEvents 1.0 (§3.1, String): control characters and halves of surrogate pairs. */
const forbidden = /[\p{Cc}\p{Cs}]/u;

/** Why a parsed value is no event; undefined where it is an {@link Envelope}. What its data must have, its consumer knows. */
export function issueOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is not a JSON object";
  const event = value as Record<string, unknown>;
  if (event["specversion"] !== "1.0") return "specversion is not 1.0";
  for (const [name, bytesMax] of Object.entries(attributeBytesMax)) {
    const attribute = event[name];
    if (attribute === undefined && !required.includes(name)) continue;
    if (typeof attribute !== "string" || attribute === "") return `${name} is missing or no text`;
    if (Buffer.byteLength(attribute) > bytesMax) return `${name} is longer than ${bytesMax} bytes`;
    if (forbidden.test(attribute)) return `${name} has characters that CloudEvents does not allow`;
  }
  const { time } = event as { readonly time?: string };
  if (time !== undefined && readTimestamp(time) === undefined) return "time is not a time of RFC 3339 that can be held";
  return undefined;
}
