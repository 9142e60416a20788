import { sql } from "kysely";
import { Gauge } from "prom-client";
import { recordQueueNames } from "#modules/insight/operations/index.ts";
import type { TableGauge } from "#operation/declaration/module.ts";
import { type RelayStatus, relayStatus } from "#platform/broker/relay.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { type LogReader, logState, readerLagSeconds } from "#platform/log/retention.ts";
import type { Platform } from "#platform/platform.ts";
import { archiveGauges } from "./archive-gauges.ts";
import { manifests, queueNames } from "./modules.ts";
import { boundScrape } from "./scrape-limit.ts";

/** Counting reads the whole table, so a count is reused for a minute. */
const cacheTtlMs = 60_000;

const deadLetters: TableGauge = {
  name: "gatehouse_dead_letters",
  help: "Events and records that a consumer could not handle and that are dead letters (failed events count)",
  label: "consumer",
  async read(db) {
    const rows = await rowsOf(
      db,
      sql<{ consumer: string; count: string }>`
      select name as consumer, (select count(*) from dead_letters d where d.consumer = name)
        + (select count(*) from record_dead_letters r where r.consumer = name) as count
      from (select name from consumers union select unnest(${recordQueueNames}::text[])) queues`,
    );
    return rows.map(({ consumer, count }) => ({ label: consumer, value: Number(count) }));
  },
};

/** pg-boss' table; a job stays in it as failed after its last attempt. */
const jobsIn = (name: string, help: string, state: string): TableGauge => ({
  name,
  help,
  // Not "job": Prometheus sets that label on every target.
  label: "task",
  async read(db) {
    const rows = await rowsOf(
      db,
      sql<{ job: string; count: string }>`
      select queue.name as job, count(job.name) as count from unnest(${queueNames}::text[]) as queue (name)
      left join jobs.job on job.name = queue.name and job.state::text = any(${state.split(" ")}::text[])
      group by queue.name`,
    );
    return rows.map(({ job, count }) => ({ label: job, value: Number(count) }));
  },
});

const jobGauges = [
  jobsIn("gatehouse_jobs_waiting", "Jobs that wait for a worker, or for their next attempt (queue size)", "created retry"),
  jobsIn("gatehouse_jobs_failed", "Jobs that failed at their last attempt", "failed"),
];

/** How far the relay to the broker is behind the log. */
function relayGauges(): readonly TableGauge[] {
  const status = cachedRead(cacheTtlMs, relayStatus);
  const gauge = (name: string, help: string, of: (at: RelayStatus) => number): TableGauge => ({
    name,
    help,
    async read(db) {
      const at = await status(db);
      return at === undefined ? [] : [{ value: of(at) }];
    },
  });
  return [
    gauge("gatehouse_relay_lag_events", "Events that are not published to the broker yet, 100,000 at most", ({ lagEvents }) => lagEvents),
    gauge("gatehouse_relay_lag_seconds", "Age of the oldest event that is not published to the broker yet", ({ lagSeconds }) => lagSeconds),
  ];
}

/** Age of the log's events, and the readers that delay their removal (retention.ts). */
const logGauges = (retentionDays: number, readers: readonly LogReader[]): readonly TableGauge[] => [
  {
    name: "gatehouse_log_oldest_event_seconds",
    help: "Age of the oldest event in the log, 0 where there is none (event persistence)",
    read: async (db) => [{ value: await oldestSeconds(db) }],
  },
  {
    name: "gatehouse_log_retention_overdue_seconds",
    help: "How long the oldest event is past its retention time, because a reader has not passed it or it is a dead letter; 0 where none is",
    read: async (db) => [{ value: retentionDays === 0 ? 0 : Math.max(0, (await oldestSeconds(db)) - retentionDays * daySeconds) }],
  },
  {
    name: "gatehouse_log_reader_lag_seconds",
    help: "Age of the oldest event that a reader of the log has not passed, and that is therefore retained; 0 where there is none",
    label: "reader",
    read: async (db) => (await readerLagSeconds(db, readers)).map(({ reader, seconds }) => ({ label: reader, value: seconds })),
  },
];

const daySeconds = 86_400;

async function oldestSeconds(db: ReadHandle): Promise<number> {
  const { oldestAt } = await logState(db);
  return oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt.getTime()) / 1_000);
}

/** Registers the gauges of the modules, the log, its consumers and the jobs. A scrape reads them from the database. */
export function registerGauges(platform: Platform, readers: readonly LogReader[]): void {
  const ofLog = logGauges(platform.settings.eventDays, readers);
  const declared = [
    ...manifests.flatMap((manifest) => manifest.gauges ?? []),
    ...ofLog,
    deadLetters,
    ...relayGauges(),
    ...jobGauges,
    ...archiveGauges,
  ];
  for (const gauge of declared) registerTableGauge(gauge, platform, cacheTtlMs);
}

/** Shares one read between the gauges of a scrape, and caches it for `cacheTtlMs`. */
export function cachedRead<Value>(cacheTtlMs: number, read: (db: ReadHandle) => Promise<Value>): (db: ReadHandle) => Promise<Value> {
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Value> | undefined;
  return (db) => {
    if (reading !== undefined && performance.now() - readAt < cacheTtlMs) return reading;
    readAt = performance.now();
    const started = read(db);
    reading = started;
    // A failed read is not cached.
    started.catch(() => {
      if (reading === started) reading = undefined;
    });
    return started;
  };
}

/** Registers a gauge that is read from tables, at most once in `cacheTtlMs`. */
export function registerTableGauge(declared: TableGauge, platform: Platform, cacheTtlMs: number): void {
  let countedAt = Number.NEGATIVE_INFINITY;
  const gauge = new Gauge({
    name: declared.name,
    help: declared.help,
    labelNames: declared.label === undefined ? [] : [declared.label],
    registers: [platform.metrics.registry],
    collect: boundScrape(async () => {
      if (performance.now() - countedAt < cacheTtlMs) return;
      const values = await platform.database
        .read(everyTenant, (db) => declared.read(db))
        .catch((error) => {
          platform.logger.warn({ err: error, metric: declared.name }, "a figure could not be counted");
          return undefined;
        });
      if (values === undefined) return;
      countedAt = performance.now();
      gauge.reset();
      for (const { label, value } of values) gauge.set(declared.label === undefined ? {} : { [declared.label]: label ?? "" }, value);
    }),
  });
}
