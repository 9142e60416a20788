import type { LoggedEvent } from "../platform/log/event.ts";
import type { Catalogue } from "./catalogue.ts";
import type { EventDefinition } from "./event.ts";
import { secretMark, type TSchema } from "./schema.ts";

/**
 * An event as the outside gets it: CloudEvents 1.0 in the JSON format, with the extensions of docs/contract.md, "Events". Names
 * of extensions are in small letters, and an attribute that has no value is left out (CloudEvents 1.0 §3.1).
 */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  /** With its version: `membership.removed.v1`. */
  readonly type: string;
  /** The aggregate, as `organization/0198…`. */
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** The organization; absent where the event belongs to none. */
  readonly tenantid?: string;
  /** Of the write that caused it; a check takes it as `minRevision`. Text, as it is larger than CloudEvents' integers. */
  readonly revision: string;
  /** The trace that it was caused in (W3C Trace Context). */
  readonly traceparent?: string;
  /** The version that `type` ends in, alone. */
  readonly schemaversion: string;
  readonly data: Readonly<Record<string, unknown>>;
}

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

/**
 * For each type of event, in the order of their names, the JSON Schema (2020-12) of its envelope and data. Open where
 * the product's own are closed: within a version fields may be added, and who checks an event with
 * last year's schema must still accept it (S3 §21.3).
 */
export function eventSchemas(catalogue: Catalogue): Readonly<Record<string, object>> {
  const events = catalogue.events.toSorted((left, right) => (left.type < right.type ? -1 : 1));
  return Object.fromEntries(events.map((event) => [event.type, schemaOf(event)]));
}

function schemaOf(event: EventDefinition): object {
  const [kind, subjectField] = event.subject;
  const always = event.tenant !== undefined && isAlwaysGiven(event, event.tenant);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    // Relative: it stands for the address that the schema is served at, whatever the installation.
    $id: `/schemas/events/${event.type}`,
    title: event.type,
    description: event.says,
    type: "object",
    required: [
      "specversion",
      "id",
      "source",
      "type",
      "subject",
      "time",
      "datacontenttype",
      ...(always ? ["tenantid"] : []),
      "revision",
      "schemaversion",
      "data",
    ],
    properties: {
      specversion: { const: "1.0" },
      id: { type: "string", format: "uuid", description: "With `source`, names the event; a redelivery has the same." },
      source: { type: "string", format: "uri-reference", minLength: 1, description: "The installation that it happened in." },
      type: { const: event.type },
      subject: { type: "string", pattern: `^${escaped(kind)}/.`, description: `\`${kind}/\` and the data's \`${subjectField}\`.` },
      time: { type: "string", format: "date-time" },
      datacontenttype: { const: "application/json" },
      ...(event.tenant === undefined
        ? {}
        : { tenantid: { type: "string", format: "uuid", description: `The organization: the data's \`${event.tenant}\`.` } }),
      revision: { type: "string", pattern: "^[0-9]+$", description: "Of the write that caused it; a check takes it as `minRevision`." },
      traceparent: { type: "string", description: "The trace that it was caused in (W3C Trace Context)." },
      schemaversion: { const: versionOf(event.type) },
      data: opened(event.data),
    },
  };
}

/** The version at the end of a type; a type without one is of the first. */
const versionOf = (type: string): string => /\.v(\d+)$/.exec(type)?.[1] ?? "1";

/** A copy of a schema that takes fields which it does not know, without the marks that only this program understands. */
function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened);
  if (typeof schema !== "object" || schema === null) return schema;
  const closes = (schema as { readonly additionalProperties?: unknown }).additionalProperties === false;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => name !== secretMark && !(closes && name === "additionalProperties"))
      .map(([name, value]) => [name, opened(value)]),
  );
}

function isAlwaysGiven({ data }: EventDefinition, field: string): boolean {
  const { required = [] } = data as { readonly required?: readonly string[] };
  return required.includes(field) && !takesNull(data.properties[field]);
}

function takesNull(schema: TSchema | undefined): boolean {
  const { type, anyOf } = (schema ?? {}) as { readonly type?: string; readonly anyOf?: readonly TSchema[] };
  return type === "null" || (anyOf ?? []).some(takesNull);
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
