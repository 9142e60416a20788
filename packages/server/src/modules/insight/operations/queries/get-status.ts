import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { ConsumerState, LogState, QueueState, RelayState } from "../model.ts";
import { operations } from "../module.ts";

/** The progress of the relay and of the log's consumers. */
export const getStatus = operations.query("getStatus", {
  summary: "Show the state of the log, and the progress of the relay and the consumers.",
  allow: operatorOnly(),
  everyTenant: "the log has events of every organization",
  input: Type.Object({}),
  output: Type.Object({
    broker: Type.String(),
    log: LogState,
    relay: RelayState,
    consumers: Type.Array(ConsumerState),
    queues: Type.Array(QueueState),
  }),
  async run({ state, store }) {
    const consumers = await store.consumers();
    const queues = await store.otherDeadLetters();
    const { oldestAt, removed, removedAt } = await store.log();
    return {
      broker: state.brokerKind,
      log: { oldestAt: oldestAt?.toISOString() ?? null, removed, removedAt: removedAt?.toISOString() ?? null },
      relay: (await store.relay()) ?? null,
      consumers: consumers.map(({ name, moved_at, dead_letters }) => ({
        name,
        movedAt: moved_at.toISOString(),
        deadLetters: dead_letters,
      })),
      queues: queues.map(({ name, dead_letters }) => ({ name, deadLetters: dead_letters })),
    };
  },
});
