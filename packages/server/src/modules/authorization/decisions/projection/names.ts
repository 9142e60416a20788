/** The projector's consumer name. Its row in `consumers` is the lock for writing the projection. The name was released. */
export const projectorName = "access.read-model";
/** The dead-letter queue of projection entries, by key. */
export const entriesConsumer = "access.projection-entries";
