import { sql } from "kysely";
import { Gauge } from "prom-client";
import type { Backlog, BacklogState } from "#platform/backlog.ts";
import { relayStatus } from "#platform/broker/relay.ts";
import { type Database, everyTenant } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { Platform } from "#platform/platform.ts";
import { lagsOf } from "./consumer-gauges.ts";
import { type Component, component } from "./probe.ts";

/**
 * A queue is stalled when its oldest record has waited for so long and none was handled in the same time. The attempts before a
 * record is dead-lettered take seconds, so a longer wait has another cause.
 */
const stalledAfterSeconds = 60;
/** A scrape and a probe at the same moment share one read. */
const cacheTtlMs = 5_000;

/** How long each queue of the worker has been stalled; 0 for one that moves or is empty. */
export class StalledQueues {
  readonly #database: Database;
  readonly #backlogs: readonly Backlog[];
  #states: Promise<readonly BacklogState[]> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  /** Leaves out eager consumers, which do not store their exact position. */
  constructor(database: Database, backlogs: readonly Backlog[], consumers: readonly Consumer[]) {
    this.#database = database;
    this.#backlogs = [...backlogs, ofConsumers(consumers.filter(({ eager }) => !eager)), ofJobs, ofRelay];
  }

  async seconds(): Promise<ReadonlyMap<string, number>> {
    const isStalled = (state: BacklogState) => state.waitingSeconds > stalledAfterSeconds && state.idleSeconds > stalledAfterSeconds;
    return new Map((await this.#read()).map((state) => [state.queue, isStalled(state) ? state.waitingSeconds : 0]));
  }

  /** The queues as a component of a probe: DOWN while one is stalled. */
  async component(): Promise<Component> {
    const stalled = [...(await this.seconds())].filter(([, seconds]) => seconds > 0);
    const details = Object.fromEntries(stalled.map(([queue, seconds]) => [queue, `${Math.round(seconds)}s`]));
    return component(stalled.length === 0, { standing: stalled.length, ...details });
  }

  #read(): Promise<readonly BacklogState[]> {
    if (this.#states !== undefined && performance.now() - this.#readAt < cacheTtlMs) return this.#states;
    this.#readAt = performance.now();
    this.#states = this.#database.read(everyTenant, async (db) => {
      const states: BacklogState[] = [];
      for (const backlog of this.#backlogs) states.push(...(await backlog.read(db)));
      return states;
    });
    // A failed read is not cached.
    this.#states.catch(() => {
      this.#states = undefined;
    });
    return this.#states;
  }
}

export function registerStalledQueuesGauge({ metrics, logger }: Platform, queues: StalledQueues): void {
  new Gauge({
    name: "gatehouse_queue_stalled_seconds",
    help: `How long a queue of the worker has been stalled: the age of its oldest record where none was handled for ${stalledAfterSeconds} s, else 0`,
    labelNames: ["queue"],
    registers: [metrics.registry],
    async collect() {
      try {
        const seconds = await queues.seconds();
        this.reset();
        for (const [queue, value] of seconds) this.set({ queue }, value);
      } catch (error) {
        logger.warn({ err: error, metric: "gatehouse_queue_stalled_seconds" }, "a figure could not be counted");
      }
    },
  });
}

const ofConsumers = (consumers: readonly Consumer[]): Backlog => ({
  async read(db) {
    const states: BacklogState[] = [];
    for (const { consumer, lag } of await lagsOf(db, consumers)) {
      const rows = await rowsOf(
        db,
        sql<{ idle: string | null }>`
        select extract(epoch from clock_timestamp() - moved_at)::text as idle from consumers where name = ${consumer}`,
      );
      states.push({ queue: consumer, waitingSeconds: lag.seconds, idleSeconds: Number(rows[0]?.idle ?? 0) });
    }
    return states;
  },
});

/** Jobs that are due. Whether a queue moves is read only where its oldest job has waited too long. */
const ofJobs: Backlog = {
  async read(db) {
    const rows = await rowsOf(
      db,
      sql<{ name: string; waiting: string; moves: boolean }>`
      select w.name, w.waiting::text, exists (select from jobs.job j where j.name = w.name
        and (j.started_on > clock_timestamp() - make_interval(secs => ${stalledAfterSeconds})
          or j.completed_on > clock_timestamp() - make_interval(secs => ${stalledAfterSeconds}))) as moves
      from (select name, extract(epoch from clock_timestamp() - min(start_after)) as waiting from jobs.job
        where state in ('created', 'retry') and start_after <= clock_timestamp() and name not like '\\_\\_%' group by name) w
      where w.waiting > ${stalledAfterSeconds}`,
    );
    return rows.map(({ name, waiting, moves }) => ({
      queue: `jobs/${name}`,
      waitingSeconds: Number(waiting),
      idleSeconds: moves ? 0 : Number(waiting),
    }));
  },
};

const ofRelay: Backlog = {
  async read(db) {
    const status = await relayStatus(db);
    if (status === undefined) return [];
    const rows = await rowsOf(
      db,
      sql<{ idle: string | null }>`
      select extract(epoch from clock_timestamp() - max(moved_at))::text as idle from relays`,
    );
    return [{ queue: "relay", waitingSeconds: status.lagSeconds, idleSeconds: Number(rows[0]?.idle ?? Number.POSITIVE_INFINITY) }];
  },
};
