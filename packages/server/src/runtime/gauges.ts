import { sql } from "kysely";
import { Gauge } from "prom-client";
import type { TableGauge } from "../operation/module.ts";
import { everyTenant } from "../platform/database/database.ts";
import type { Platform } from "../platform/platform.ts";
import { contexts } from "./modules.ts";

/** Counting a table costs as much as the table is long, so what was counted serves every question of the next minute. */
const countedForMs = 60_000;

const deadLetters: TableGauge = {
  name: "gatehouse_dead_letters",
  help: "Events that a consumer could not handle and put aside (S3 §16.1, failed events count)",
  label: "consumer",
  async read(db) {
    const { rows } = await sql<{ consumer: string; count: string }>`
      select consumer, count(*) as count from dead_letters group by consumer`.execute(db as never);
    return rows.map(({ consumer, count }) => ({ label: consumer, value: Number(count) }));
  },
};

/** Registers the gauges of the modules and of the bus; each asks the database when metrics are collected. */
export function registerGauges(platform: Platform): void {
  for (const gauge of [...contexts.flatMap((context) => context.gauges ?? []), deadLetters]) register(gauge, platform);
}

function register(declared: TableGauge, platform: Platform): void {
  let countedAt = Number.NEGATIVE_INFINITY;
  new Gauge({
    name: declared.name,
    help: declared.help,
    labelNames: declared.label === undefined ? [] : [declared.label],
    registers: [platform.metrics.registry],
    async collect() {
      if (performance.now() - countedAt < countedForMs) return;
      const values = await platform.database
        .read(everyTenant, (db) => declared.read(db))
        .catch((error) => {
          platform.logger.warn({ err: error, metric: declared.name }, "a figure could not be counted");
          return undefined;
        });
      if (values === undefined) return;
      countedAt = performance.now();
      this.reset();
      for (const { label, value } of values) this.set(declared.label === undefined ? {} : { [declared.label]: label ?? "" }, value);
    },
  });
}
