import { defineEvent } from "#operation/declaration/event.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";

export const ProjectionChanged = defineEvent({
  type: "decisions.projection_changed.v1",
  internal: true,
  says: "The projection that decisions are made from now contains what these events changed.",
  subject: ["projection", "changeId"],
  data: Type.Object({
    changeId: Uuid,
    handled: Type.Array(Uuid),
    keys: Type.Array(Type.String()),
    /** Counts the writes of the projection; absent in events of older releases. */
    number: Type.Optional(Type.Integer()),
  }),
});

export const CacheCheckRequested = defineEvent({
  type: "decisions.cache_check_requested.v1",
  internal: true,
  says: "An operator asks every process to compare its caches with the projection that decisions are made from.",
  subject: ["cache-check", "checkId"],
  data: Type.Object({ checkId: Uuid }),
});

export const events = [ProjectionChanged, CacheCheckRequested];
