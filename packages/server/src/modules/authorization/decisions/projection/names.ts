/** The consumer that keeps the projection; its row in `consumers` is the lock that the projection is written under. */
export const projectorName = "decisions.update-projection";
/** The dead-letter queue of single projection entries, by their keys. */
export const entriesConsumer = "decisions.projection-entries";
