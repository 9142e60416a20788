/** The projector's consumer name. Its row in `consumers` is the lock for writing the projection. */
export const projectorName = "decisions.update-projection";
/** The dead-letter queue of projection entries, by key. */
export const entriesConsumer = "decisions.projection-entries";
