import { v7 as uuid } from "uuid";
import type { Database, Scope, WriteHandle } from "../../database/database.ts";
import { everyTenant } from "../../database/database.ts";
import { beginning, type LoggedEvent, type NewEvent, type Position, type Revision } from "../event.ts";
import { append, readAfter, revisionOf } from "../log.ts";

/** An event as a command would emit it; a test passes the fields that matter, the others have defaults. */
export const newEvent = (given: Partial<NewEvent> = {}): NewEvent => ({
  id: uuid(),
  type: "thing.happened.v1",
  subject: "thing/1",
  organizationId: null,
  data: {},
  ...given,
});

export const appendIn = (tx: WriteHandle, ...events: readonly NewEvent[]): Promise<void> =>
  append(tx, events, { occurredAt: new Date(), traceparent: null });

/** Appends in a separate transaction and returns its revision. */
export const appendTo = (database: Database, events: readonly NewEvent[], scope: Scope = everyTenant): Promise<Revision> =>
  database.transact(scope, async (tx) => {
    await appendIn(tx, ...events);
    return revisionOf(tx);
  });

export const readFrom = (
  database: Database,
  after: Position = beginning,
  options: { limit?: number; types?: readonly string[]; scope?: Scope } = {},
): Promise<readonly LoggedEvent[]> =>
  database.read(options.scope ?? everyTenant, (db) =>
    readAfter(db, after, { limit: options.limit ?? 1_000, ...(options.types ? { types: options.types } : {}) }),
  );

export const idsOf = (events: readonly { readonly id: string }[]): string[] => events.map((event) => event.id);
