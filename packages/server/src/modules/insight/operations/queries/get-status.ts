import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { ConsumerState, LogState, QueueState, RelayState } from "../model.ts";
import { operations } from "../module.ts";

/** How far the relay and the consumers of the log are. */
export const getStatus = operations.query("getStatus", {
  summary: "Show what the log has, and how far the relay and its consumers are.",
  allow: operatorOnly(),
  everyTenant: "events of every organization go the same way",
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
