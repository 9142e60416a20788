import type { LoggedEvent } from "../log/event.ts";
import { readTimestamp } from "../timestamp.ts";

/** The attributes of every event on a broker (CloudEvents 1.0, JSON format). */
export interface Envelope {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  /** With its version: `membership.removed.v1`. */
  readonly type: string;
  /** The aggregate, as `organization/0198…`: messages of one subject are ordered. */
  readonly subject?: string;
  /** ISO 8601, UTC. */
  readonly time?: string;
  /** The trace of its cause (W3C Trace Context, CloudEvents extension "Distributed Tracing"). */
  readonly traceparent?: string;
  readonly data?: unknown;
}

/**
 * A published event: CloudEvents 1.0 in the JSON format, with the extensions of docs/contract.md, "Events". Names
 * of extensions are in lower case, and an attribute without a value is left out (CloudEvents 1.0 §3.1).
 */
export interface CloudEvent extends Envelope {
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** The organization; absent if the event belongs to none. */
  readonly tenantid?: string;
  /** The revision of its write; a check accepts it as `minRevision`. Text, because it exceeds CloudEvents' integers. */
  readonly revision: string;
  /** The principal that acted for the caller, as `user:<id>`; absent where the caller acted for themselves. */
  readonly actor?: string;
  /** The version at the end of `type`. */
  readonly schemaversion: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** CloudEvents 1.0, "JSON Event Format", 3.1. */
export const cloudEventType = "application/cloudevents+json";

/** `source` identifies the installation: its public URL. */
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
    ...(event.actor === null ? {} : { actor: event.actor }),
    schemaversion: versionOf(event.type),
    data: event.data,
  };
}

/** The version at the end of a type; the first one by default. */
export const versionOf = (type: string): string => /\.v(\d+)$/.exec(type)?.[1] ?? "1";

/**
 * The topic that consumers subscribe to: the type without its version, in the form of routing keys (`subscription.activated`). A
 * second version of an event has the same topic as the first; `type` and `schemaversion` distinguish them.
 */
export const topicOf = (type: string): string => type.replace(/\.v\d+$/, "");

/** Messages of one key are handled in order. */
export const keyOf = (event: Envelope): string => event.subject ?? event.id;

/**
 * Maximum bytes of the attributes of a received event. `id` and `type` are short strings of AMQP 0-9-1 (255 bytes). `source` and `id`
 * together are a row's key in the inbox, for which PostgreSQL's B-tree allows 2,700 bytes and the commands 1,000 characters.
 */
const attributeBytesMax = { id: 255, type: 255, source: 700, subject: 1_000, time: 64, traceparent: 255 } as const;
const required: readonly string[] = ["id", "source", "type"];
/** Characters that CloudEvents 1.0 does not allow in strings (§3.1): control characters and unpaired surrogates. */
const forbidden = /[\p{Cc}\p{Cs}]/u;

/** Why a parsed value is not an event; undefined if it is an {@link Envelope}. The consumer validates its data. */
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
