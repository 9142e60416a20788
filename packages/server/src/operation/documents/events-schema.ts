import { versionOf } from "#platform/broker/cloud-event.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { describeDeprecation } from "../declaration/deprecation.ts";
import type { EventDefinition } from "../declaration/event.ts";
import { opened, published } from "../declaration/published.ts";
import type { TSchema } from "../declaration/schema.ts";

/**
 * The JSON Schema (2020-12) of envelope and data for each event type, sorted by type. The schemas are open: fields may be added within a
 * version, and a consumer with an older schema must still accept the event.
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
    // Relative to the address of the installation that serves the schema.
    $id: `/schemas/events/${event.type}`,
    title: event.type,
    ...descriptionOf(event),
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
      actor: { type: "string", description: "The user or service account that acted for the caller, as `user:<id>` (RFC 8693 `act`)." },
      schemaversion: { const: versionOf(event.type) },
      data: opened(published(event.data)),
    },
  };
}

/** The description of an event. A deprecated event also has JSON Schema's `deprecated`, and its sunset. */
function descriptionOf({ summary, deprecated }: EventDefinition): object {
  if (deprecated === undefined) return { description: summary };
  const successor = deprecated.replacedBy === undefined ? undefined : `\`${deprecated.replacedBy}\``;
  return { description: `${summary}\n\n${describeDeprecation(deprecated, successor)}`, deprecated: true, "x-sunset": deprecated.sunset };
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
