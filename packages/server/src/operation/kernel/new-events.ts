import { v7 as uuid } from "uuid";
import type { NewEvent } from "#platform/log/event.ts";
import type { FormerVersions } from "#platform/log/publish.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import type { EventDefinition } from "../declaration/event.ts";

/** Creates an event for the log. Throws for a deprecated event that is derived from another. */
export function newEvent(event: EventDefinition, data: Record<string, unknown>): NewEvent {
  const { replacedBy } = event.deprecated ?? {};
  if (replacedBy !== undefined) throw new Error(`${event.type} is derived from ${replacedBy}; emit ${replacedBy} instead`);
  return eventOf(event, data);
}

/** Derives the deprecated versions of an event that are still published, for consumers that have not migrated. */
export const formerVersionsOf =
  ({ formerEvents }: Pick<Catalogue, "formerEvents">): FormerVersions =>
  ({ type, data }) =>
    (formerEvents.get(type) ?? []).map((older) => eventOf(older, older.deprecated?.from?.(data as never) ?? {}));

function eventOf(event: EventDefinition, data: Record<string, unknown>): NewEvent {
  const [kind, field] = event.subject;
  return {
    id: uuid(),
    type: event.type,
    subject: `${kind}/${String(data[field])}`,
    organizationId: event.tenant === undefined ? null : ((data[event.tenant] as string | null | undefined) ?? null),
    data,
  };
}
