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
import { inTime } from "./in-time.ts";
import { manifests, queueNames } from "./modules.ts";

/** Counting a table costs as much as the table is long, so what was counted serves every question of the next minute. */
const countedForMs = 60_000;

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
  // Not "job": that is the name by which Prometheus knows us all.
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
  jobsIn("gatehouse_jobs_waiting", "Jobs that wait for a worker, or for their next try (S0, queue size)", "created retry"),
  jobsIn("gatehouse_jobs_failed", "Jobs that were given up after their last try", "failed"),
];

/** How far the broker is behind the log. */
function relayGauges(): readonly TableGauge[] {
  const status = readOnce(countedForMs, relayStatus);
  const gauge = (name: string, help: string, of: (at: RelayStatus) => number): TableGauge => ({
    name,
    help,
    async read(db) {
      const at = await status(db);
      return at === undefined ? [] : [{ value: of(at) }];
    },
  });
  return [
    gauge("gatehouse_relay_lag_events", "Events that the broker has not been given yet, 100,000 at most", ({ lagEvents }) => lagEvents),
    gauge("gatehouse_relay_lag_seconds", "Age of the oldest event that the broker has not been given yet", ({ lagSeconds }) => lagSeconds),
  ];
}

/** How long events are in the log, and who keeps them there (retention.ts). */
const logGauges = (keptDays: number, readers: readonly LogReader[]): readonly TableGauge[] => [
  {
    name: "gatehouse_log_oldest_event_seconds",
    help: "Age of the oldest event in the log, 0 where there is none (S0, event persistence)",
    read: async (db) => [{ value: await oldestSeconds(db) }],
  },
  {
    name: "gatehouse_log_retention_overdue_seconds",
    help: "How long the oldest event is kept past its retention time, because a reader has not passed it or it is a dead letter; 0 where none is",
    read: async (db) => [{ value: keptDays === 0 ? 0 : Math.max(0, (await oldestSeconds(db)) - keptDays * daySeconds) }],
  },
  {
    name: "gatehouse_log_reader_lag_seconds",
    help: "Age of the oldest event that a reader of the log has not passed, and that the log therefore keeps; 0 where there is none",
    label: "reader",
    read: async (db) => (await readerLagSeconds(db, readers)).map(({ reader, seconds }) => ({ label: reader, value: seconds })),
  },
];

const daySeconds = 86_400;

async function oldestSeconds(db: ReadHandle): Promise<number> {
  const { oldestAt } = await logState(db);
  return oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt.getTime()) / 1_000);
}

/** Registers the gauges of the modules, the log, its consumers and the jobs; each asks the database when metrics are collected. */
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
  for (const gauge of declared) registerTableGauge(gauge, platform, countedForMs);
}

/** One reading for several gauges: those of one scrape ask at the same moment, and each may be answered from it for `keptForMs`. */
export function readOnce<Value>(keptForMs: number, read: (db: ReadHandle) => Promise<Value>): (db: ReadHandle) => Promise<Value> {
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Value> | undefined;
  return (db) => {
    if (reading !== undefined && performance.now() - readAt < keptForMs) return reading;
    readAt = performance.now();
    const begun = read(db);
    reading = begun;
    // A reading that failed answers nobody who comes after it.
    begun.catch(() => {
      if (reading === begun) reading = undefined;
    });
    return begun;
  };
}

/** Registers a gauge that is counted in the tables, at most once in `keptForMs`. */
export function registerTableGauge(declared: TableGauge, platform: Platform, keptForMs: number): void {
  let countedAt = Number.NEGATIVE_INFINITY;
  const gauge = new Gauge({
    name: declared.name,
    help: declared.help,
    labelNames: declared.label === undefined ? [] : [declared.label],
    registers: [platform.metrics.registry],
    collect: inTime(async () => {
      if (performance.now() - countedAt < keptForMs) return;
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
