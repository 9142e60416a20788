import type { WriteHandle } from "../database/database.ts";
import type { Rpc } from "../rpc/rpc.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Consumers } from "./consumers/consumers.ts";
import type { NewEvent, Revision } from "./event.ts";
import type { LogFollower } from "./follower.ts";
import { append, type EventEnvelope } from "./log.ts";

/** The subject on which a process notifies the others that it has appended to the log. */
export const appendedSubject = "log.appended";

/** The deprecated versions of an event that are still published with it. */
export type FormerVersions = (event: NewEvent) => readonly NewEvent[];

export interface PublisherDependencies {
  readonly log: Pick<LogFollower, "announce">;
  readonly consumers: Pick<Consumers, "wake">;
  readonly rpc: Pick<Rpc, "notify">;
  readonly metrics: Pick<Metrics, "eventsAppended">;
  readonly formerVersions: FormerVersions;
}

export interface Committed {
  /** What {@link Publisher.append} returned. */
  readonly events: readonly NewEvent[];
  readonly revision: Revision;
  readonly occurredAt: Date;
}

/**
 * Publishes the events of commands, of the projector and of the chain appender. `append` runs in the transaction of their effects,
 * `committed` after its commit.
 */
export class Publisher {
  readonly #dependencies: PublisherDependencies;

  constructor(dependencies: PublisherDependencies) {
    this.#dependencies = dependencies;
  }

  /** Appends events and their former versions. Returns all of them, for `committed`. Throws `WriteConflictError`, and appends nothing then. */
  async append(tx: WriteHandle, events: readonly NewEvent[], envelope: EventEnvelope): Promise<readonly NewEvent[]> {
    const all = events.flatMap((event) => [event, ...this.#dependencies.formerVersions(event)]);
    await append(tx, all, envelope);
    return all;
  }

  /** Invalidates this process's caches at once, wakes consumers, notifies the other processes, and counts the events. */
  committed({ events, revision, occurredAt }: Committed): void {
    if (events.length === 0) return;
    const { log, consumers, rpc, metrics } = this.#dependencies;
    const types = [...new Set(events.map(({ type }) => type))];
    log.announce(events, revision, occurredAt);
    consumers.wake(types);
    rpc.notify(appendedSubject);
    for (const { type } of events) metrics.eventsAppended.inc({ type });
  }
}
