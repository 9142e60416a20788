import { v7 as uuid } from "uuid";
import type { NewEvent } from "#platform/log/event.ts";
import type { Catalogue } from "../catalogue.ts";
import type { EventDefinition } from "../event.ts";

/** The event, and its deprecated forms that are still published, each for the consumers that know it. */
export function newEvents(event: EventDefinition, data: Record<string, unknown>, { formerEvents }: Catalogue): NewEvent[] {
  const { replacedBy } = event.deprecated ?? {};
  if (replacedBy !== undefined) throw new Error(`${event.type} is derived from ${replacedBy}; emit ${replacedBy} instead`);
  const former = formerEvents.get(event.type) ?? [];
  return [newEvent(event, data), ...former.map((older) => newEvent(older, older.deprecated?.from?.(data as never) ?? {}))];
}

function newEvent(event: EventDefinition, data: Record<string, unknown>): NewEvent {
  const [kind, field] = event.subject;
  return {
    id: uuid(),
    type: event.type,
    subject: `${kind}/${String(data[field])}`,
    organizationId: event.tenant === undefined ? null : ((data[event.tenant] as string | null | undefined) ?? null),
    data,
  };
}
