/** The consumer that keeps the projection; its row in `consumers` is the lock that the projection is written under. The name was released. */
export const projectorName = "access.read-model";
/** The dead-letter queue of single projection entries, by their keys. */
export const entriesConsumer = "access.projection-entries";
