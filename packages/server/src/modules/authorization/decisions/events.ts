import { defineEvent } from "#operation/declaration/event.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";

export const ProjectionChanged = defineEvent({
  type: "decisions.projection_changed.v1",
  internal: true,
  summary: "The projection contains the changes of these events.",
  subject: ["projection", "changeId"],
  data: Type.Object({
    changeId: Uuid,
    handled: Type.Array(Uuid),
    keys: Type.Array(Type.String()),
    /** The number of the projection's write; absent in events of older releases. */
    number: Type.Optional(Type.Integer()),
  }),
});

export const CacheCheckRequested = defineEvent({
  type: "decisions.cache_check_requested.v1",
  internal: true,
  summary: "An operator requested every process to compare its caches with the projection.",
  subject: ["cache-check", "checkId"],
  data: Type.Object({ checkId: Uuid }),
});

export const events = [ProjectionChanged, CacheCheckRequested];
